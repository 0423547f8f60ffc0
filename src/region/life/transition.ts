// Refuses a transition that is not in the table of states (`records/lifecycle.ts`).

import { type MachineStatus, statusRow } from '../records/lifecycle.ts';
import { type RefusalWord, refusal } from '../words/refusal.ts';

/** The refusal of a transition that is not in the table. */
export type TransitionRefusal = RefusalWord<'transition-not-allowed.step'>;

/** The refusal of a transition; `undefined` if the table allows it. */
export function checkTransition(from: MachineStatus, to: MachineStatus): TransitionRefusal | undefined {
  const row = statusRow(from);
  if (row.next.includes(to)) return undefined;
  const allowed = row.next.map((status) => statusRow(status).name);
  return refusal('transition-not-allowed.step', { from: row.name, to: statusRow(to).name, allowed });
}
