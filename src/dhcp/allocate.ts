// Which address for this client? Pure: leases, offers and machines are read, nothing is changed. Sources: RFC 2131 §4.3.1.
//
//   fixed by the region (chooseAddress)
//     → fixed by a reservation of the configuration
//     → its own last address, running or ended
//     → the address it asks for
//     → a dynamic address nobody ever had, searched from a place that depends on the client alone
//     → the dynamic address whose lease ended longest ago
//     → refusal: `range-exhausted`, or `no-dynamic-range`
//
// 1. An address is given to a client only if `judgeAddress` has no objection; the same judgement decides a REQUEST, so what is
//    offered can be had.
// 2. Static and reserved addresses, the rack's own, the router's, network and broadcast address are never dynamic.
// 3. The search starts at a hash of the hardware address: a client finds the address it had even when the leases are lost.
// 4. A fixed address that another client still holds is not taken from it: the client gets a dynamic one meanwhile.

import type { Instant } from '../clock.ts';
import type { MachineDirectory } from '../machines/directory.ts';
import type { RackMachine } from '../machines/machine.ts';
import { type Ipv4, ipv4, type MacAddress, networkContains, rangeContains, rangeSize } from '../net/address.ts';
import { isActive, isHeld, type LeaseView } from './lease-table.ts';
import type { OfferView } from './offers.ts';
import type { ServedSubnet } from './subnet.ts';

/** The most addresses looked at for one client; a larger range is searched in part, from a place that differs by client. */
export const ALLOCATION_SCAN_MAX = 8192;

/** What an allocation may read. */
export interface AllocationFacts {
  readonly leases: LeaseView;
  readonly offers: OfferView;
  readonly machines: MachineDirectory;
}

/** How a client came by its address. */
export type AllocationSource = 'machine' | 'reservation' | 'own' | 'requested' | 'unused' | 'reclaimed';

/** Why a client cannot have a certain address. */
export type AddressObjection =
  /** Not in the network, or in none of its ranges and not fixed for this client. */
  | 'address-outside-range'
  /** The rack's, the router's, the network's or the broadcast address. */
  | 'address-excluded'
  /** Fixed for another client. */
  | 'address-reserved'
  /** Leased to another client. */
  | 'address-leased'
  /** Just offered to another client. */
  | 'address-offered'
  /** A client or a probe found somebody else using it. */
  | 'address-declined';

export type AllocationRefusal = 'range-exhausted' | 'no-dynamic-range';

/** An address for the client, or why there is none. */
export type Allocation =
  | { readonly kind: 'address'; readonly address: Ipv4; readonly source: AllocationSource }
  | { readonly kind: 'refused'; readonly reason: AllocationRefusal };

/** A client's fixed address in a network. */
export interface FixedAddress {
  readonly address: Ipv4;
  readonly source: 'machine' | 'reservation';
}

/** The address the region or the configuration fixed for a client in this network, whoever holds it now. */
export function findFixedAddress(
  served: ServedSubnet,
  mac: MacAddress,
  machines: MachineDirectory,
): FixedAddress | undefined {
  const given = machines
    .findByMac(mac)
    ?.addresses.find((entry) => entry.mac === mac && networkContains(served.subnet.network, entry.address));
  if (given !== undefined) return { address: given.address, source: 'machine' };
  const reservation = served.reservationsByMac.get(mac);
  return reservation === undefined ? undefined : { address: reservation.address, source: 'reservation' };
}

/** Why `mac` cannot have `address` in this network now; undefined: it can. */
export function judgeAddress(
  served: ServedSubnet,
  mac: MacAddress,
  address: Ipv4,
  facts: AllocationFacts,
  now: Instant,
): AddressObjection | undefined {
  if (!networkContains(served.subnet.network, address)) return 'address-outside-range';
  if (served.excluded.has(address)) return 'address-excluded';
  const objection = judgeIntent(served, mac, address, facts.machines);
  if (objection !== undefined) return objection;
  const lease = facts.leases.find(address);
  if (isHeld(lease, now)) {
    if (lease.state === 'declined') return 'address-declined';
    return lease.mac === mac ? undefined : 'address-leased';
  }
  const holder = facts.offers.holderOf(address, now);
  return holder === undefined || holder === mac ? undefined : 'address-offered';
}

/** What configuration and region say of an address, without looking at who holds it. */
function judgeIntent(
  served: ServedSubnet,
  mac: MacAddress,
  address: Ipv4,
  machines: MachineDirectory,
): AddressObjection | undefined {
  const owner = machineMacOf(machines.findByAddress(address), address);
  if (owner !== undefined) return owner === mac ? undefined : 'address-reserved';
  const reservation = served.reservationsByAddress.get(address);
  if (reservation !== undefined) return reservation.mac === mac ? undefined : 'address-reserved';
  const { dynamic, static: fixed } = served.subnet;
  if (dynamic === undefined || !rangeContains(dynamic, address)) return 'address-outside-range';
  return fixed !== undefined && rangeContains(fixed, address) ? 'address-reserved' : undefined;
}

const machineMacOf = (machine: RackMachine | undefined, address: Ipv4): MacAddress | undefined =>
  machine?.addresses.find((entry) => entry.address === address)?.mac;

/** Chooses an address for `mac` in one network; `requested` is what the client would like (option 50). */
export function chooseAddress(
  served: ServedSubnet,
  mac: MacAddress,
  requested: Ipv4 | undefined,
  facts: AllocationFacts,
  now: Instant,
): Allocation {
  const free = (address: Ipv4): boolean => judgeAddress(served, mac, address, facts, now) === undefined;
  const fixed = findFixedAddress(served, mac, facts.machines);
  if (fixed !== undefined && free(fixed.address)) return { kind: 'address', ...fixed };
  const own = facts.leases.findByMac(mac, served.subnet.network);
  // An offer still open is repeated before an older lease is looked at: the client may already be asking for it.
  const offered = facts.offers.offeredTo(mac, now);
  const wishes: readonly (readonly [Ipv4 | undefined, AllocationSource])[] = [
    [isActive(own, now) ? own.address : undefined, 'own'],
    [offered, 'own'],
    [own?.address, 'own'],
    [requested, 'requested'],
  ];
  for (const [address, source] of wishes) {
    if (address !== undefined && free(address)) return { kind: 'address', address, source };
  }
  return searchRange(served, mac, facts, now);
}

function searchRange(served: ServedSubnet, mac: MacAddress, facts: AllocationFacts, now: Instant): Allocation {
  const range = served.subnet.dynamic;
  if (range === undefined) return { kind: 'refused', reason: 'no-dynamic-range' };
  const size = rangeSize(range);
  let offset = hashOf(mac) % size;
  let oldest: { address: Ipv4; endedAt: Instant } | undefined;
  for (let count = Math.min(size, ALLOCATION_SCAN_MAX); count > 0; count -= 1) {
    const address = ipv4(range.low + offset);
    offset = offset + 1 === size ? 0 : offset + 1;
    if (judgeAddress(served, mac, address, facts, now) !== undefined) continue;
    const lease = facts.leases.find(address);
    if (lease === undefined) return { kind: 'address', address, source: 'unused' };
    if (oldest === undefined || lease.expiresAt < oldest.endedAt) oldest = { address, endedAt: lease.expiresAt };
  }
  return oldest === undefined
    ? { kind: 'refused', reason: 'range-exhausted' }
    : { kind: 'address', address: oldest.address, source: 'reclaimed' };
}

/** Spreads hardware addresses of one vendor, which differ in their last bits, over a range: 32 bits of a multiplicative hash. */
function hashOf(mac: MacAddress): number {
  const high = Math.floor(mac / 0x1_0000_0000);
  const low = mac % 0x1_0000_0000;
  let hash = Math.imul(low ^ Math.imul(high, 0x9e37_79b1), 0x85eb_ca6b);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0xc2b2_ae35) >>> 0;
}
