// The names that the operator gave by reservations, as lists and look-ups of leases need them. Pure.
//
// 1. A name is its client's at the reserved address alone: of two clients that fit one entry, only one has the address.

import { networkContains } from '../../net/address.ts';
import type { Reservation } from '../networks/config.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import { findReservation } from './allocate.ts';
import type { Lease } from './lease.ts';

/** The name that a reservation gives the holder of a lease; undefined: none does. */
export type ReservedName = (lease: Lease) => string | undefined;

/** How to find reserved names in these networks: some look-ups for a lease of a network with names, none for others. */
export function reservedNames(served: readonly ServedSubnet[]): ReservedName {
  const naming = served.filter(({ hostnames }) => hostnames.size > 0);
  return (lease) => {
    const own = naming.find(({ subnet }) => networkContains(subnet.network, lease.address));
    if (own?.reservations.byAddress.get(lease.address)?.hostname === undefined) return undefined;
    const reservation = findReservation(own, lease);
    return reservation?.address === lease.address ? reservation.hostname : undefined;
  };
}

/** The reservation that gives this name, without its domain; undefined: none does. */
export function findReservationNamed(served: readonly ServedSubnet[], name: string): Reservation | undefined {
  const wanted = name.toLowerCase();
  for (const { reservations, hostnames } of served) {
    if (!hostnames.has(wanted)) continue;
    for (const one of reservations.byAddress.values()) if (one.hostname === wanted) return one;
  }
  return undefined;
}
