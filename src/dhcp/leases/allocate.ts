// Chooses an address for a client. Pure. Sources: RFC 2131 §4.3.1.
//
//   fixed by the region (chooseAddress)
//     → fixed by a reservation of the configuration → its own last address, running or ended → the
//     address it requests → a dynamic address that a probe ahead of need found free
//     (`free-stock.ts`) → a never used dynamic address, the next one from a place that depends on
//     the client alone → the dynamic address whose lease ended longest ago → the dynamic address
//     that has been on offer to another client, unrequested, for longest, unless it is that
//     client's by lease
//       (findUnanswered); for a client that is known or has come back
//     → refusal: `range-exhausted`; without a range, the objection to its fixed address, or
//     `no-dynamic-range`
//
// 1. A client gets an address only if `judgeAddress` has no objection; it also decides a REQUEST,
//    so every offered address can be requested.
// 2. Static and reserved addresses and the rack's own, the router's, the network and the broadcast
//    address are never dynamic.
// 3. The search starts at a hash of the hardware address, so a client finds its old address even if
//    the leases are lost.
// 4. A fixed address is not taken from another client that still holds it: the client gets a
//    dynamic one meanwhile. A fixed address that was set aside is chosen again if it can be probed,
//    so one forged answer cannot take it away for an hour.

import { type Ipv4, type MacAddress, networkContains, rangeContains } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import type { MachineDirectory } from '../../machines/directory.ts';
import type { RackMachine } from '../../machines/machine.ts';
import type { AllocationSource } from '../events/fields.ts';
import type { AddressObjection, AllocationRefusal } from '../events/refusals.ts';
import {
  type ClientIdentity,
  type ClientNames,
  type GrantedNames,
  identityBy,
  isGrantedTo,
} from '../networks/client-identity.ts';
import type { Reservation } from '../networks/config.ts';
import { reservationFor } from '../networks/reservations.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import type { Lease } from './lease.ts';
import { isActive, isHeld, type LeaseView } from './lease-table.ts';
import type { OfferView } from './offers.ts';

export interface AllocationFacts {
  readonly leases: LeaseView;
  readonly offers: OfferView;
  readonly machines: MachineDirectory;
  /** An address of the dynamic range known to be unused and so preferred. */
  readonly knownFree?: ((served: ServedSubnet) => Ipv4 | undefined) | undefined;
  /** Whether an address that was set aside may be probed again now; undefined: it cannot be probed. */
  readonly mayLookAgain?: ((served: ServedSubnet, record: Lease) => boolean) | undefined;
}

export interface AllocatedAddress {
  readonly kind: 'address';
  readonly address: Ipv4;
  readonly source: AllocationSource;
}

export type Allocation =
  | AllocatedAddress
  | {
      readonly kind: 'refused';
      readonly reason: AllocationRefusal | AddressObjection;
      /** The fixed address that the client cannot have now, if there is no other. */
      readonly address?: Ipv4;
    };

interface FixedAddress {
  readonly address: Ipv4;
  readonly source: 'machine' | 'reservation';
}

export const identityIn = (served: ServedSubnet, client: ClientNames): ClientIdentity =>
  identityBy(served.subnet.identity, client);

/** The address fixed for a client in this network, whoever holds it now. */
export function findFixedAddress(
  served: ServedSubnet,
  client: ClientNames,
  machines: MachineDirectory,
): FixedAddress | undefined {
  const { mac } = client;
  const machineAddress = machines
    .findByMac(mac)
    ?.addresses.find((entry) => entry.mac === mac && networkContains(served.subnet.network, entry.address));
  if (machineAddress !== undefined) return { address: machineAddress.address, source: 'machine' };
  const reservation = findReservation(served, client);
  return reservation === undefined ? undefined : { address: reservation.address, source: 'reservation' };
}

export const findReservation = (served: ServedSubnet, client: ClientNames): Reservation | undefined =>
  reservationFor(served.reservations, client);

/** Why a client cannot be offered its fixed address; undefined: it can, after a probe if due. */
export function judgeFixed(
  served: ServedSubnet,
  client: ClientNames,
  { address }: FixedAddress,
  facts: AllocationFacts,
  now: Instant,
): AddressObjection | undefined {
  const objection = judgeAddress(served, client, address, facts, now);
  const record = objection === 'address-declined' ? facts.leases.find(address) : undefined;
  return record !== undefined && facts.mayLookAgain?.(served, record) === true ? undefined : objection;
}

/** Why a client cannot have `address` in this network now; undefined: it can. */
export function judgeAddress(
  served: ServedSubnet,
  client: ClientNames,
  address: Ipv4,
  facts: AllocationFacts,
  now: Instant,
): AddressObjection | undefined {
  const objection = judgeIgnoringOffers(served, client, address, facts, now);
  if (objection !== undefined || isHeld(facts.leases.find(address), now)) return objection;
  const holder = facts.offers.holderOf(address, now);
  return holder === undefined || holder === identityIn(served, client) ? undefined : 'address-offered';
}

/** Like `judgeAddress`, but ignores offers. */
function judgeIgnoringOffers(
  served: ServedSubnet,
  client: ClientNames,
  address: Ipv4,
  { leases, machines }: AllocationFacts,
  now: Instant,
): AddressObjection | undefined {
  if (!networkContains(served.subnet.network, address)) return 'address-outside-range';
  if (served.excluded.has(address)) return 'address-excluded';
  const objection = judgeIntent(served, client, address, machines);
  if (objection !== undefined) return objection;
  const lease = leases.find(address);
  if (!isHeld(lease, now)) return undefined;
  if (lease.state === 'declined') return 'address-declined';
  return isSameClient(served, lease, client) ? undefined : 'address-leased';
}

export const isSameClient = (served: ServedSubnet, record: GrantedNames, client: ClientNames): boolean =>
  isGrantedTo(served.subnet.identity, record, client);

/** The objection of configuration and region to an address. */
function judgeIntent(
  served: ServedSubnet,
  client: ClientNames,
  address: Ipv4,
  machines: MachineDirectory,
): AddressObjection | undefined {
  const owner = findMachineMac(machines.findByAddress(address), address);
  if (owner !== undefined) return owner === client.mac ? undefined : 'address-reserved';
  const reservation = served.reservations.byAddress.get(address);
  if (reservation !== undefined) {
    return findReservation(served, client) === reservation ? undefined : 'address-reserved';
  }
  const { dynamic, static: fixed } = served.subnet;
  if (dynamic === undefined || !rangeContains(dynamic, address)) return 'address-outside-range';
  return fixed !== undefined && rangeContains(fixed, address) ? 'address-reserved' : undefined;
}

const findMachineMac = (machine: RackMachine | undefined, address: Ipv4): MacAddress | undefined =>
  machine?.addresses.find((entry) => entry.address === address)?.mac;

/** Chooses an address for a client in one network; `requested` is its wish (option 50). */
export function chooseAddress(
  served: ServedSubnet,
  client: ClientNames,
  requested: Ipv4 | undefined,
  facts: AllocationFacts,
  now: Instant,
): Allocation {
  const free = (address: Ipv4): boolean => judgeAddress(served, client, address, facts, now) === undefined;
  const fixed = findFixedAddress(served, client, facts.machines);
  const barred = fixed && judgeFixed(served, client, fixed, facts, now);
  if (fixed !== undefined && barred === undefined) return { kind: 'address', ...fixed };
  const identity = identityIn(served, client);
  const own = findOwn(served, client, facts.leases, now);
  // An open offer comes before older leases: the client may already be requesting it.
  const offered = facts.offers.offeredTo(identity, served, now);
  for (const address of [own.running?.address, offered, own.newest?.address]) {
    if (address !== undefined && free(address)) return { kind: 'address', address, source: 'own' };
  }
  if (requested !== undefined && free(requested)) return { kind: 'address', address: requested, source: 'requested' };
  const taken = takeFromRange(served, identity, free, facts, now);
  if (taken.kind === 'address' || taken.reason !== 'no-dynamic-range') return taken;
  return fixed === undefined || barred === undefined
    ? taken
    : { kind: 'refused', reason: barred, address: fixed.address };
}

/** Another client's offer, unrequested for at least `ageMs`. */
export function findUnanswered(
  served: ServedSubnet,
  client: ClientNames,
  facts: AllocationFacts,
  now: Instant,
  ageMs: number,
): AllocatedAddress | undefined {
  const isReclaimable = (address: Ipv4): boolean =>
    judgeIgnoringOffers(served, client, address, facts, now) === undefined;
  const address = facts.offers.oldestUnanswered(served, isReclaimable, now, ageMs);
  return address === undefined ? undefined : { kind: 'address', address, source: 'reclaimed' };
}

interface OwnRecords {
  /** Its running lease: the one with the client's identifier, else the newest; all are in use. */
  readonly running: Lease | undefined;
  /** Its newest record, running or ended. */
  readonly newest: Lease | undefined;
}

/** The client's records in a network, except those that run for another client. */
export function findOwn(served: ServedSubnet, client: ClientNames, leases: LeaseView, now: Instant): OwnRecords {
  let running: Lease | undefined;
  let newest: Lease | undefined;
  for (const lease of leases.findAllByClient(identityIn(served, client))) {
    if (!networkContains(served.subnet.network, lease.address)) continue;
    const runs = isActive(lease, now);
    if (runs && !isSameClient(served, lease, client)) continue;
    if (isNewer(lease, newest)) newest = lease;
    if (!runs) continue;
    const isSame = lease.clientId === client.clientId;
    const isBestSame = running !== undefined && running.clientId === client.clientId;
    if ((isSame && !isBestSame) || (isSame === isBestSame && isNewer(lease, running))) running = lease;
  }
  return { running, newest };
}

const isNewer = (lease: Lease, other: Lease | undefined): boolean =>
  other === undefined || lease.grantedAt >= other.grantedAt;

function takeFromRange(
  served: ServedSubnet,
  identity: ClientIdentity,
  free: (address: Ipv4) => boolean,
  { leases, knownFree }: AllocationFacts,
  now: Instant,
): Allocation {
  const range = served.subnet.dynamic;
  if (range === undefined) return { kind: 'refused', reason: 'no-dynamic-range' };
  const stocked = knownFree?.(served);
  if (stocked !== undefined && rangeContains(range, stocked) && free(stocked)) {
    return { kind: 'address', address: stocked, source: leases.find(stocked) === undefined ? 'unused' : 'reclaimed' };
  }
  const unused = leases.findUnused(range, hashClientIdentity(identity));
  if (unused !== undefined && free(unused)) return { kind: 'address', address: unused, source: 'unused' };
  const ended = leases.findEnded(range, now);
  if (ended !== undefined && free(ended)) return { kind: 'address', address: ended, source: 'reclaimed' };
  return { kind: 'refused', reason: 'range-exhausted' };
}

/** A multiplicative hash, because addresses of one vendor differ only in their last bits. */
function hashClientIdentity(client: ClientIdentity): number {
  let hash = 0;
  if (typeof client === 'number') {
    const high = Math.floor(client / 0x1_0000_0000);
    const low = client % 0x1_0000_0000;
    hash = Math.imul(low ^ Math.imul(high, 0x9e37_79b1), 0x85eb_ca6b);
  } else {
    for (let at = 0; at < client.length; at += 1) hash = Math.imul(hash ^ client.charCodeAt(at), 0x0100_0193);
  }
  hash ^= hash >>> 15;
  return Math.imul(hash, 0xc2b2_ae35) >>> 0;
}
