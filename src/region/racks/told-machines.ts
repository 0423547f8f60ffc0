// What racks are told of the machines: a mirror in memory of what the store holds.
//
// 1. It holds the machines that racks are told of, and no others (`rack-machine.ts`).
// 2. It is filled whole or not at all: should the store fail half-way, the old one stays.

import type { RackMachine } from '../../machines/machine.ts';
import { toRackMachine, withoutSharedUuids } from '../desired-machine.ts';
import type { Machine } from '../records/machine.ts';
import type { RegionStore } from '../records/store.ts';

/** Machines read at a time when the mirror is filled. */
const CHUNK = 500;

/** The machines that racks are told of, by their system id. */
export class ToldMachines {
  #machines = new Map<string, RackMachine>();

  /** As racks are told of them. */
  list(): readonly RackMachine[] {
    return withoutSharedUuids([...this.#machines.values()]);
  }

  /** A machine is as it is here now; one of which racks are not told any more is taken out. */
  show(machine: Machine): void {
    showIn(this.#machines, machine);
  }

  forget(systemId: string): void {
    this.#machines.delete(systemId);
  }

  /** Reads all machines anew. */
  fill(store: Pick<RegionStore, 'listMachines'>): void {
    const machines = new Map<string, RackMachine>();
    let afterId = 0;
    for (;;) {
      const chunk = store.listMachines({}, afterId, CHUNK);
      for (const machine of chunk) showIn(machines, machine);
      const last = chunk.at(-1);
      if (last === undefined) break;
      afterId = last.id;
    }
    this.#machines = machines;
  }
}

function showIn(machines: Map<string, RackMachine>, machine: Machine): void {
  const told = toRackMachine(machine);
  if (told === undefined) machines.delete(machine.systemId);
  else machines.set(machine.systemId, told);
}
