// The addresses of racks: those on the interfaces of accepted racks.

import { formatIpv4, type Ipv4 } from '../../net/address.ts';
import type { Rack } from '../records/rack.ts';

/** A list of racks. */
export interface RackList {
  list(): readonly Rack[];
}

/** True for an address of an accepted rack. */
export function isRackAddress(racks: RackList, address: Ipv4): boolean {
  const text = formatIpv4(address);
  return racks.list().some(({ state, interfaces }) => state === 'accepted' && interfaces.some(({ ip }) => ip === text));
}
