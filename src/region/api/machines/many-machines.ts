// One command for several machines, applied to all of them or to none.
//
// Source: MAAS's `machines/?op=release` and `op=accept`: an unknown id is a bad request, a machine
// that is already done is not an error.
//
// 1. A machine that is named several times counts once. Nothing is written, and no machine is read
//    whole, before all are known to exist and their outlines allow the command: a refused request
//    costs one query.

import { type Actor, type CommandRefusal, refuseCommand } from '../../life/commands.ts';
import type { MachineLife } from '../../life/machine-life.ts';
import type { Machine, MachineOutline } from '../../records/machine.ts';
import { transactOrUndo } from '../../records/undo.ts';
import { type Answer, refuseFor, refuseMachines } from '../call/answer.ts';
import { listFor } from '../call/long-answers.ts';
import type { ApiCall } from '../call/operation.ts';

/** Changed machines that are read at a time. */
const ANSWERED_AT_ONCE = 50;

/**
 * Gives one command to several machines, to all of them or to none. Lists the changed machines,
 * rendered by `answer`.
 */
export async function giveMany(
  call: ApiCall,
  systemIds: readonly string[],
  { field, command, by, isDone = () => false }: ManyTerms,
  answer: (machine: Machine) => unknown,
): Promise<Answer> {
  const { store } = call.region;
  const named = [...new Set(systemIds)];
  const machinesById = new Map((await store.outlineMachines(named)).map((machine) => [machine.systemId, machine]));
  const missing = named.filter((systemId) => !machinesById.has(systemId));
  if (missing.length > 0) return refuseMachines(field, missing);
  const wanted = named.flatMap((systemId) => machinesById.get(systemId) ?? []).filter((machine) => !isDone(machine));
  const done: string[] = [];
  const early = wanted.flatMap((machine) => refuseCommand(machine, command.name, by) ?? []);
  const [first, ...others] = early.length > 0 ? early : await commandAll();
  if (first !== undefined) return refuseFor([first, ...others]);
  return listFor(call, answers());

  function commandAll() {
    return transactOrUndo<readonly CommandRefusal[]>(call.region, async (undo) => {
      const systemIds = wanted.map(({ systemId }) => systemId);
      const outcomes = await call.region.life.commandAll(systemIds, command, by);
      const refused = outcomes.flatMap((outcome) => (outcome.kind === 'refuse' ? [outcome.refusal] : []));
      if (refused.length > 0) throw undo(refused);
      done.splice(0, done.length, ...systemIds.filter((_, index) => outcomes[index]?.kind === 'changed'));
      return [];
    });
  }

  // A few at a time: hundreds of whole machines would take much memory.
  async function* answers(): AsyncGenerator<unknown, void> {
    for (let index = 0; index < done.length; index += ANSWERED_AT_ONCE) {
      const systemIds = done.slice(index, index + ANSWERED_AT_ONCE);
      for (const machine of await store.listMachines({ systemIds }, 0, ANSWERED_AT_ONCE)) yield await answer(machine);
    }
  }
}

interface ManyTerms {
  readonly field: 'machines' | 'nodes';
  readonly command: Parameters<MachineLife['commandAll']>[1];
  readonly by: Actor;
  /** True for a machine on which the command has already taken effect. Default: none. */
  readonly isDone?: (machine: MachineOutline) => boolean;
}
