// Removes a machine together with the devices that belong to it.

import { DEVICES_MAX } from '../records/machine.ts';
import type { RegionStore } from '../records/store.ts';
import { isInUse } from './merge.ts';

/**
 * What a removal spares: machines that are locked, also those that belong to somebody, or none.
 * Work of a machine that it does not spare ends with it.
 */
export type Spared = 'locked' | 'owned' | 'none';

/** The outcome of a removal; `in-use`: the machine is spared. */
export type Removal = 'removed' | 'in-use' | 'not-found';

interface RemovalOptions {
  readonly username: string;
  readonly spared: Spared;
  readonly atMs: number;
}

/** Removes a machine and its devices. The caller must run this in a transaction. */
export async function removeWithDevices(
  store: RegionStore,
  systemId: string,
  { username, spared, atMs }: RemovalOptions,
): Promise<Removal> {
  const machine = await store.findMachine(systemId);
  if (machine === undefined) return 'not-found';
  const isOwned = machine.owner !== undefined;
  if (spared !== 'none' && (machine.isLocked === true || (spared === 'owned' && isOwned))) return 'in-use';
  const deleted = (of: typeof machine, more: object) => {
    const params = { hostname: of.hostname, systemId: of.systemId, ...more };
    return { type: 'NODE_REMOVED', code: 'machine-deleted', params, atMs, username } as const;
  };
  for (const device of await store.listMachines({ isDevice: true, parents: [systemId] }, 0, DEVICES_MAX)) {
    await store.removeMachine(device.systemId, deleted(device, {}));
  }
  const event = deleted(machine, isInUse(machine) || machine.isLocked === true ? { status: machine.status } : {});
  return (await store.removeMachine(systemId, event)) ? 'removed' : 'not-found';
}
