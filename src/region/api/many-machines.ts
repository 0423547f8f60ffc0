// One command for several machines, applied to all of them or to none.
//
// Source: MAAS's `machines/?op=release` and `op=accept`: an unknown id is a bad request, a machine that is already done is no error.
//
// 1. A machine that is named several times counts once. Nothing is written, and no machine is read whole, before all are known to exist and
//    their outlines allow the command: a refused request costs one query.

import { type Actor, type CommandRefusal, type MachineCommand, refuseCommand } from '../life/commands.ts';
import type { Machine, MachineOutline } from '../records/machine.ts';
import { cleanWords } from '../records/text-json.ts';
import { type Answer, refuse, refuseFor } from './answer.ts';
import { listFor } from './long-answers.ts';
import type { ApiCall } from './operation.ts';

class Undone extends Error {}

/**
 * Gives one command to several machines, to all of them or to none. Lists the changed machines, rendered by `answer`.
 */
export function giveMany(
  call: ApiCall,
  systemIds: readonly string[],
  { command, by, isDone = () => false }: ManyTerms,
  answer: (machine: Machine) => unknown,
): Answer {
  const { store } = call.region;
  const named = [...new Set(systemIds)];
  const found = new Map(store.outlineMachines(named).map((machine) => [machine.systemId, machine]));
  const missing = named.filter((systemId) => !found.has(systemId));
  if (missing.length > 0) return refuse('bad-request.machines', { systemIds: cleanWords(missing.join(', '), 200) });
  const wanted = named.flatMap((systemId) => found.get(systemId) ?? []).filter((machine) => !isDone(machine));
  const done: string[] = [];
  const refused: CommandRefusal[] = [];
  for (const machine of wanted) {
    const why = refuseCommand(machine, command.name, by);
    if (why !== undefined) refused.push(why);
  }
  try {
    if (refused.length === 0) {
      call.region.atomically(() => {
        for (const { systemId } of wanted) {
          const outcome = call.region.life.command(systemId, command, by);
          if (outcome.kind === 'changed') done.push(systemId);
          if (outcome.kind === 'refuse') refused.push(outcome.refusal);
        }
        if (refused.length > 0) throw new Undone();
      });
    }
  } catch (error) {
    if (!(error instanceof Undone)) throw error;
  }
  const [first, ...others] = refused;
  if (first !== undefined) return refuseFor([first, ...others]);
  return listFor(call, answers());

  // One at a time: hundreds of whole machines would take much memory.
  function* answers(): Generator<unknown, void> {
    for (const systemId of done) {
      const machine = store.findMachine(systemId);
      yield machine === undefined ? undefined : answer(machine);
    }
  }
}

/** The command for several machines, and the person who gives it. */
export interface ManyTerms {
  readonly command: MachineCommand;
  readonly by: Actor;
  /** True for a machine on which the command has already taken effect. Default: none. */
  readonly isDone?: (machine: MachineOutline) => boolean;
}
