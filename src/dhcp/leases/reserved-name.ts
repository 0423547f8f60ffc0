// The operator's names from reservations, for lists of leases. Pure.
//
// 1. A client has its name only at the reserved address: of two clients that match, only one has
//    the name.

import { networkContains } from '../../ground/address.ts';
import type { Reservation } from '../networks/config.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import { findReservation } from './allocate.ts';
import type { Lease } from './lease.ts';

export type ReservedName = (lease: Lease) => string | undefined;

/** Costs a few look-ups for a lease in a network with names, and none for others. */
export function reservedNames(served: readonly ServedSubnet[]): ReservedName {
  const naming = served.filter(({ hostnames }) => hostnames.size > 0);
  return (lease) => {
    const own = naming.find(({ subnet }) => networkContains(subnet.network, lease.address));
    if (own?.reservations.byAddress.get(lease.address)?.hostname === undefined) return undefined;
    const reservation = findReservation(own, lease);
    return reservation?.address === lease.address ? reservation.hostname : undefined;
  };
}

/** Finds a reservation by its name without the domain. */
export function findReservationNamed(served: readonly ServedSubnet[], name: string): Reservation | undefined {
  const wanted = name.toLowerCase();
  for (const { reservations, hostnames } of served) {
    if (!hostnames.has(wanted)) continue;
    for (const reservation of reservations.byAddress.values()) if (reservation.hostname === wanted) return reservation;
  }
  return undefined;
}
