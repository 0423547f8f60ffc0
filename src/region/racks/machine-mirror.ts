// An in-memory mirror of the store: the machines as racks get them.
//
// 1. It contains exactly the machines that racks get (`desired-machine.ts`).
// 2. It is filled completely or not at all: if the store fails half-way, the old contents stay.
// 3. Filling reads neither facts nor owner data, so its memory depends on nothing that users or machines can store.

import type { RackMachine } from '../../machines/machine.ts';
import type { MachineForRacks } from '../records/machine.ts';
import type { RegionStore } from '../records/store.ts';
import { toRackMachine, withoutSharedUuids } from './desired-machine.ts';

/** Machines read in one query while filling. */
const CHUNK = 500;

/** The machines that racks get, by system id. */
export class MachineMirror {
  #machines = new Map<string, RackMachine>();

  /** The machines as racks get them. */
  list(): readonly RackMachine[] {
    return withoutSharedUuids([...this.#machines.values()]);
  }

  /** Updates a machine; removes one that racks no longer get. */
  show(machine: MachineForRacks): void {
    showIn(this.#machines, machine);
  }

  forget(systemId: string): void {
    this.#machines.delete(systemId);
  }

  /** Reads all machines from the store. */
  fill(store: Pick<RegionStore, 'listMachinesForRacks'>): void {
    const machines = new Map<string, RackMachine>();
    let afterId = 0;
    for (;;) {
      const chunk = store.listMachinesForRacks(afterId, CHUNK);
      for (const machine of chunk) showIn(machines, machine);
      const last = chunk.at(-1);
      if (last === undefined) break;
      afterId = last.id;
    }
    this.#machines = machines;
  }
}

function showIn(machines: Map<string, RackMachine>, machine: MachineForRacks): void {
  const mirrored = toRackMachine(machine);
  if (mirrored === undefined) machines.delete(machine.systemId);
  else machines.set(machine.systemId, mirrored);
}
