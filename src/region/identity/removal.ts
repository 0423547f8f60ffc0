// Removes a machine together with the devices that belong to it.

import { DEVICES_MAX } from '../records/machine.ts';
import type { RegionStore } from '../records/store.ts';
import { isInUse } from './merge.ts';

/** The outcome of a removal; `in-use`: the machine has an owner, is at work or locked, and the removal was not forced. */
export type Removal = 'removed' | 'in-use' | 'not-found';

interface RemovalTerms {
  readonly username: string;
  readonly isForced: boolean;
  readonly atMs: number;
}

/** Removes a machine and its devices. The caller must run this in a transaction. */
export async function removeWithDevices(
  store: RegionStore,
  systemId: string,
  { username, isForced, atMs }: RemovalTerms,
): Promise<Removal> {
  const machine = await store.findMachine(systemId);
  if (machine === undefined) return 'not-found';
  const isUsed = isInUse(machine) || machine.isLocked === true;
  if (isUsed && !isForced) return 'in-use';
  const deleted = (of: typeof machine, more: object) => {
    const params = { hostname: of.hostname, systemId: of.systemId, ...more };
    return { type: 'NODE_REMOVED', code: 'machine-deleted', params, atMs, username } as const;
  };
  for (const device of await store.listMachines({ isDevice: true, parents: [systemId] }, 0, DEVICES_MAX)) {
    await store.removeMachine(device.systemId, deleted(device, {}));
  }
  const event = deleted(machine, isUsed ? { status: machine.status } : {});
  return (await store.removeMachine(systemId, event)) ? 'removed' : 'not-found';
}
