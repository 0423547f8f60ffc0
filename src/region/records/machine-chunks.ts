// All machines that pass a filter, read a few at a time: thousands of whole machines would take much memory.

import type { MachineFilter } from './filters.ts';
import type { Machine } from './machine.ts';
import type { RegionStore } from './store.ts';

/** Reads machines in chunks, in the order of their ids. @param countMax of one chunk */
export async function* machineChunks(
  store: Pick<RegionStore, 'listMachines'>,
  filter: MachineFilter,
  countMax: number,
): AsyncGenerator<readonly Machine[], void> {
  for (let afterId = 0; ; ) {
    const machines = await store.listMachines(filter, afterId, countMax);
    yield machines;
    const last = machines.at(-1);
    if (last === undefined || machines.length < countMax) return;
    afterId = last.id;
  }
}
