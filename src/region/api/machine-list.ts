// Lists of machines as answers: read from the store a few at a time, and rendered one at a time.

import { type Whereabouts, whereabouts } from '../life/whereabouts.ts';
import type { MachineFilter } from '../records/filters.ts';
import type { Machine } from '../records/machine.ts';
import type { Answer } from './answer.ts';
import { listFor } from './long-answers.ts';
import type { ApiCall } from './operation.ts';
import { machineEntry } from './shown-machine.ts';

/** Machines read at a time. Each list under way holds this many in memory, with at most 32 KiB of facts each. */
export const LIST_CHUNK = 50;

/** The machines that pass the filter and `isWanted`, in the order of their ids. */
export function listMachines(
  call: ApiCall,
  filter: MachineFilter,
  isWanted: (machine: Machine, where: Whereabouts) => boolean = () => true,
): Answer {
  // A caller that names a damaged machine must learn why it is not there; other lists are useful without it.
  const isNamed = [filter.systemIds, filter.hostnames, filter.macs].some((names) => names !== undefined);
  return listFor(call, shown());

  async function* shown(): AsyncGenerator<unknown, void> {
    for (let afterId = 0; ; ) {
      const where = whereabouts(call.region);
      const machines = await call.region.store.listMachines(filter, afterId, LIST_CHUNK, isNamed);
      for (const machine of machines) yield isWanted(machine, where) ? machineEntry(call, machine, where) : undefined;
      const last = machines.at(-1);
      if (last === undefined || machines.length < LIST_CHUNK) return;
      afterId = last.id;
    }
  }
}
