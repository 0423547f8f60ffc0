// Reserves the address of a name that the API adds, as MAAS does: it stays reserved until it is
// released, also after its name is gone. Clients delete a name, and then release its address. An
// address of a dynamic range that nobody has is refused: a stranger would get it with the name.

import { formatIpv4, type Ipv4 } from '../../ground/address.ts';
import type { Clock } from '../../ground/clock.ts';
import { type RefusalWord, refusal } from '../records/refusal.ts';
import type { RegionStore } from '../records/store.ts';
import { findBar, indexOwners, ownersUsing } from './address-owners.ts';
import { spanText, USED_MAX } from './address-use.ts';
import { subnetOfAddress } from './network-view.ts';
import type { Networks, WantedChange } from './networks.ts';

interface Deps {
  readonly networks: Networks;
  readonly store: RegionStore;
  readonly clock: Clock;
}

/**
 * Reserves it for the user, unless it is in no subnet, or somebody has it. Call it in the
 * transaction of the name.
 */
export async function reserveNamed(
  { networks, store, clock }: Deps,
  username: string,
  address: Ipv4,
): Promise<RefusalWord | undefined> {
  const view = await networks.look();
  const subnet = subnetOfAddress(view, address);
  if (subnet === undefined) return undefined;
  const createdMs = clock.wallTimeMs();
  const use = {
    used: await store.networks.usedBetween(address, address, USED_MAX),
    leased: await store.networks.leasedBetween(address, address, createdMs),
  };
  const owners = [...indexOwners(view).at(address), ...ownersUsing(use)];
  const others = owners.filter(({ kind }) => kind !== 'name');
  const bar = findBar(others, { kind: 'reserved' });
  // The view has the names from before the change.
  if (bar?.kind === 'dynamic' && others.length === owners.length)
    return refusal(
      'in-use',
      `${formatIpv4(address)} is in the dynamic range ${spanText(bar)}, so any client may get it: give another address, or first an entry of hosts for it.`,
    );
  if (bar !== undefined) return undefined;
  const outcome = await networks.change<never>(
    username,
    ({ nextId: id }): WantedChange => ({
      kind: 'change',
      change: 'added',
      what: 'address',
      name: formatIpv4(address),
      id,
      nextId: id + 1,
      put: { reserved: [{ id, subnetId: subnet.subnet.id, address, username, createdMs }] },
    }),
    { low: address, high: address },
  );
  return 'text' in outcome ? outcome : undefined;
}
