// Refuses a transition that is not in the table of states (`records/lifecycle.ts`).

import { type MachineStatus, statusRow } from '../records/lifecycle.ts';
import { type RefusalWord, refusal } from '../records/refusal.ts';

/** The owner, in words that follow a machine's name. */
export const whose = (owner: string | undefined): string =>
  owner === undefined ? 'has no owner' : `belongs to ${owner}`;

export type TransitionRefusal = RefusalWord;

export function checkTransition(from: MachineStatus, to: MachineStatus): TransitionRefusal | undefined {
  const row = statusRow(from);
  if (row.next.includes(to)) return undefined;
  const allowed = row.next.map((status) => statusRow(status).name);
  return refusal(
    'transition-not-allowed',
    `A machine that is ${row.name} cannot become ${statusRow(to).name}; from here it can become ${allowed.join(', ')}.`,
  );
}
