// One command for several machines: done for all of them, or for none.
//
// Source: MAAS's `machines/?op=release` and `op=accept`: an id that nobody has is a bad request, a machine that has done so is no error.

import type { Actor, CommandRefusal, MachineCommand } from '../life/commands.ts';
import type { Machine } from '../machine.ts';
import { cleanWords } from '../text-json.ts';
import { type Answer, json, refuse } from './answer.ts';
import type { ApiCall } from './operation.ts';

class Undone extends Error {}

/**
 * One command for several machines, done for all of them or for none: those that took it, in the shape of `answer`.
 */
export function giveMany(
  call: ApiCall,
  systemIds: readonly string[],
  { command, by, isDone = () => false }: ManyTerms,
  answer: (machine: Machine) => unknown,
): Answer {
  const { region } = call;
  const machines = systemIds.map((systemId) => region.store.findMachine(systemId));
  const missing = systemIds.filter((_, index) => machines[index] === undefined);
  if (missing.length > 0)
    return refuse('bad-request', `No machine has the system id ${cleanWords(missing.join(', '), 200)}.`);
  const wanted = machines.filter((machine) => machine !== undefined && !isDone(machine));
  const done: unknown[] = [];
  const refused: CommandRefusal[] = [];
  try {
    region.atomically(() => {
      for (const machine of wanted) {
        const outcome = region.life.command(machine?.systemId ?? '', command, by);
        if (outcome.kind === 'changed') done.push(answer(outcome.machine));
        if (outcome.kind === 'refuse') refused.push(outcome.refusal);
      }
      if (refused.length > 0) throw new Undone();
    });
  } catch (error) {
    if (!(error instanceof Undone)) throw error;
  }
  const [first] = refused;
  return first === undefined ? json(done) : refuse(first.reason, refused.map(({ text }) => text).join('\n'));
}

/** What is said to several machines, and by whom. */
export interface ManyTerms {
  readonly command: MachineCommand;
  readonly by: Actor;
  /** A machine of which it is true has done so already. Default: none. */
  readonly isDone?: (machine: Machine) => boolean;
}
