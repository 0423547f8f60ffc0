// The transitions that the tables of states and of commands allow (`records/lifecycle.ts`,
// `records/machine-commands.ts`).

import { type MachineStatus, STATUSES, statusRow } from '../records/lifecycle.ts';
import { BEFORE, COMMAND_NAMES, COMMANDS } from '../records/machine-commands.ts';
import { type RefusalWord, refusal } from '../records/refusal.ts';

/** The owner, in words that follow a machine's name. */
export const whose = (owner: string | undefined): string =>
  owner === undefined ? 'has no owner' : `belongs to ${owner}`;

export type TransitionRefusal = RefusalWord;

const NEXT: ReadonlyMap<MachineStatus, ReadonlySet<MachineStatus>> = new Map(
  STATUSES.map(({ status, failed, also = [] }) => {
    const first = COMMAND_NAMES.map((name) => COMMANDS[name].moves?.[status]);
    const next = [...first, ...also, failed].filter((to) => to !== undefined && to !== BEFORE);
    return [status, new Set(next)];
  }),
);

/** The states that may follow, without repetition. */
export const nextStates = (status: MachineStatus): ReadonlySet<MachineStatus> => NEXT.get(status) ?? new Set();

export function checkTransition(from: MachineStatus, to: MachineStatus): TransitionRefusal | undefined {
  const next = nextStates(from);
  if (next.has(to)) return undefined;
  const allowed = [...next].map((status) => statusRow(status).name);
  return refusal(
    'transition-not-allowed',
    `A machine that is ${statusRow(from).name} cannot become ${statusRow(to).name}; from here it can become ${allowed.join(', ')}.`,
  );
}
