// Allocates addresses of static ranges to machines. Pure.
//
// 1. An address is allocated to one machine at a time. Addresses of racks, routers and dynamic ranges are never allocated, and neither are
//    addresses that a rack's configuration reserves for another client.
// 2. An address last seen on another machine is allocated only when no other is free, because that machine may still use it.
//    An address that another host has by a running lease is never allocated, because its name would lead to that host. Leases of accepted machines
//    that nobody owns do not count.
// 3. The network is the one in which the machine was seen, its boot interface first. A machine never seen gets an address only if there is
//    exactly one network.
// 4. A machine gets the address that a rack's configuration, or else a user, reserves for its interface, if that address may be allocated. Of the
//    users only an administrator and the machine's own user count: the knowledge has the addresses of the others as taken.
// 5. A user who is not an administrator may request only addresses that are in a static range or reserved: any other may belong to a
//    server.
// 6. A rack's range counts only if the region believes the rack about the network, and the network contains the range.
// 7. Several racks may serve one network: the reservations of all of them count, and each has its own static range.
// 8. A dynamic range and a router count from when the region stores them, too: their rack serves them before it reports them.

import type { MachineAddress } from '../../machines/machine.ts';
import {
  formatIpv4,
  formatMac,
  formatNetwork,
  type Ipv4,
  type Ipv4Network,
  ipv4,
  type MacAddress,
  networkContains,
  networksOverlap,
  parseIpv4,
  parseMac,
  parseNetwork,
} from '../../net/address.ts';
import { freeParts, hostRange, reservationsIn, reservedText } from '../networks/address-use.ts';
import type { NetworkView, SubnetView } from '../networks/network-view.ts';
import type { ServedNetwork } from '../networks/served-networks.ts';
import { believedInterfaces } from '../racks/rack-networks.ts';
import type { AddressKnowledge, AddressRange, ChangeQuestion } from '../records/knowledge.ts';
import type { Machine } from '../records/machine.ts';
import { leaseText, type NetworkRecords } from '../records/network-store.ts';
import type { Rack } from '../records/rack.ts';
import type { RackInterface } from '../records/rack-description.ts';
import { type RefusalWord, refusal } from '../records/refusal.ts';
import type { CommandRefusal } from './commands.ts';
import type { JobNetwork } from './job.ts';

/** Addresses examined in one range; in a longer range, only the first ones are used. */
const RANGE_MAX = 65_536;
const NONE: ReadonlySet<Ipv4> = new Set();
const NO_RANGES = { fixed: undefined, dynamic: undefined } as const;

interface Served {
  readonly network: Ipv4Network;
  readonly fixed: readonly [Ipv4, Ipv4] | undefined;
  readonly dynamic: readonly [Ipv4, Ipv4] | undefined;
  /** The addresses of the rack and of the router. */
  readonly kept: ReadonlySet<Ipv4>;
  /** The client for which an address is reserved. */
  readonly reserved: ReadonlyMap<Ipv4, MacAddress>;
}

export type AddressChoice =
  | { readonly kind: 'given'; readonly addresses: readonly MachineAddress[] }
  | { readonly kind: 'refuse'; readonly refusal: CommandRefusal }
  | ChangeQuestion;

/**
 * Chooses a machine's address, or asks which addresses of a range are used.
 * @param known the used addresses of the ranges for which the decision has asked
 * @param asked the requested address; undefined: any of the static range, or none if there is no static range
 * @param view the networks, with the addresses that users have reserved; in the transaction of the change
 */
export function chooseAddresses(
  machine: Machine,
  racks: readonly Rack[],
  known: readonly AddressKnowledge[],
  asked: Ipv4 | undefined,
  isAdmin: boolean,
  { records, served: stored }: Pick<NetworkView, 'records' | 'served'>,
): AddressChoice {
  const reported = reportedBy(racks);
  const isReported = (one: Served): boolean => reported.some(({ network }) => isSame(network, one.network));
  const networks = [...reported, ...stored.flatMap(storedAs).filter(isReported)];
  if (asked !== undefined) {
    const choice = takeAsked(machine, networks, known, asked, records);
    const isOwn = ({ fixed, reserved: configured }: Served): boolean =>
      (fixed !== undefined && isIn(fixed, asked)) || configured.has(asked);
    if (choice.kind !== 'given' || isAdmin || networks.some(isOwn)) return choice;
    return {
      kind: 'refuse',
      refusal: refusal(
        'address-refused',
        `${formatIpv4(asked)} is in no static range: only an administrator may choose such an address`,
      ),
    };
  }
  const place = placeOf(machine, networks);
  if (place === undefined) return { kind: 'given', addresses: [] };
  const { served, mac } = place;
  const configured = served.flatMap((one) => [...one.reserved]).find(([, whose]) => whose === mac)?.[0];
  const isServed = (address: Ipv4): boolean => served.some(({ network }) => networkContains(network, address));
  const own = configured ?? records.reserved.find((one) => one.mac === mac && isServed(one.address))?.address;
  if (own !== undefined) {
    const choice = takeAsked(machine, networks, known, own, records);
    if (choice.kind !== 'refuse') return choice;
  }
  const ranges = served.flatMap(({ fixed }) => (fixed === undefined ? [] : [fixed]));
  if (ranges.length === 0) return { kind: 'given', addresses: [] };
  const kept = machine.addresses.find((one) => one.mac === mac && ranges.some((range) => isIn(range, one.address)));
  if (kept !== undefined) return { kind: 'given', addresses: [kept] };
  const address = findFree(served, ranges, mac, known);
  if (typeof address === 'object') return address;
  if (address !== undefined) return { kind: 'given', addresses: [{ mac, address }] };
  return exhausted(ranges, records);
}

/** The refusal if no address of these ranges is free, with the reservations that keep some from machines. */
const exhausted = (ranges: readonly AddressRange[], records: NetworkRecords): AddressChoice => ({
  kind: 'refuse',
  refusal: refusal(
    'addresses-exhausted',
    `no address from ${ranges
      .map(([low, high]) => ({ low: formatIpv4(low), high: formatIpv4(high) }))
      .map(({ low, high }) => `${low} to ${high}`)
      .join(' and ')} is free${reservedText(
      reservationsIn(
        records,
        ranges.map(([low, high]) => ({ low, high })),
      ),
    )}: release a machine or a reservation, or widen the static range`,
  ),
});

interface LinkAddressWish {
  readonly own: ReadonlySet<Ipv4>;
  readonly asked?: Ipv4 | undefined;
  /** True if a user who is not an administrator links a device: a free address is then outside the static ranges, which are for machines. */
  readonly isOrdinary: boolean;
  readonly records: NetworkRecords;
}

/**
 * Chooses an address of a subnet for one interface of a machine: the requested address, or a free one of a static range. If no rack has a
 * static range there, and for a user's device, all other addresses of the subnet are candidates, except for its gateway and its DNS servers.
 */
export function addressForLink(
  { network, gateway, dnsServers, served: stored }: Pick<SubnetView, 'network' | 'gateway' | 'dnsServers' | 'served'>,
  mac: MacAddress,
  racks: readonly Rack[],
  known: readonly AddressKnowledge[],
  { own, asked, isOrdinary, records }: LinkAddressWish,
): AddressChoice {
  const byRacks = [...reportedBy(racks), ...stored.flatMap(storedAs)].filter((one) =>
    networksOverlap(one.network, network),
  );
  // A person may give a machine the address of a DNS server, to be it.
  const hosts = [gateway, ...(asked === undefined ? dnsServers.map(parseIpv4) : [])];
  const kept = new Set(hosts.filter((one) => one !== undefined));
  const served: readonly Served[] = [...byRacks, { network, kept, reserved: new Map(), ...NO_RANGES }];
  const fixed = served.flatMap((one) => (one.fixed === undefined ? [] : [one.fixed]));
  if (asked !== undefined) return takeFor(served, known, asked, mac, records);
  const kinds = isOrdinary || fixed.length === 0 ? served.flatMap((one) => [one.fixed, one.dynamic]) : [];
  const others = kinds.flatMap((range) => (range === undefined ? [] : [{ low: range[0], high: range[1] }]));
  const rest = freeParts(
    network,
    others.toSorted((a, b) => a.low - b.low),
  );
  const ranges = isOrdinary || fixed.length === 0 ? rest.map(({ low, high }): AddressRange => [low, high]) : fixed;
  const address = findFree(served, ranges, mac, known, own);
  if (typeof address === 'object') return address;
  if (address !== undefined) return { kind: 'given', addresses: [{ mac, address }] };
  if (!isOrdinary) return exhausted(ranges, records);
  const reserved = reservationsIn(records, [hostRange(network)]);
  return {
    kind: 'refuse',
    refusal: refusal(
      'address-refused',
      `${formatNetwork(network)} has no free address outside its static and dynamic ranges${reservedText(reserved)}: release one, or ask an administrator, who may also link a device with an address of the static range.`,
    ),
  };
}

/**
 * The first free address. An address last seen on another machine is used only if there is no other. Asks for the first range alone, then
 * for all other ranges together.
 */
function findFree(
  served: readonly Served[],
  ranges: readonly AddressRange[],
  mac: MacAddress,
  known: readonly AddressKnowledge[],
  own: ReadonlySet<Ipv4> = NONE,
): Ipv4 | ChangeQuestion | undefined {
  const examined = ranges.map(([low, high]): AddressRange => [low, ipv4(Math.min(high, low + RANGE_MAX - 1))]);
  let fallback: Ipv4 | undefined;
  for (const [index, range] of examined.entries()) {
    const used = usedIn(range, known);
    if (used === undefined) return { kind: 'ask', ranges: index === 0 ? [range] : examined.slice(index) };
    const { taken, seen, leased } = used;
    const [low, last] = range;
    for (let value: number = low; value <= last; value += 1) {
      const address = ipv4(value);
      if (
        taken.has(address) ||
        leased?.has(address) === true ||
        own.has(address) ||
        whyKept(served, address, mac) !== undefined
      )
        continue;
      if (!seen.has(address)) return address;
      fallback ??= address;
    }
  }
  return fallback;
}

const usedIn = ([low, high]: AddressRange, known: readonly AddressKnowledge[]): AddressKnowledge | undefined =>
  known.find(({ range }) => range[0] === low && range[1] === high);

function takeAsked(
  machine: Machine,
  networks: readonly Served[],
  known: readonly AddressKnowledge[],
  asked: Ipv4,
  records: NetworkRecords,
): AddressChoice {
  const refuse = (why: RefusalWord): AddressChoice => ({ kind: 'refuse', refusal: why });
  const address = formatIpv4(asked);
  const served = networks.filter(({ network }) => networkContains(network, asked));
  if (served.length === 0)
    return refuse(refusal('address-refused', `${address} is in no network that a rack serves: choose another address`));
  const mac = macIn(machine, served) ?? machine.interfaces[0]?.mac;
  if (mac === undefined) return refuse(refusal('address-refused', `${machine.hostname} has no network interface`));
  return takeFor(served, known, asked, mac, records);
}

const leasedText = ({
  address,
  mac,
  until,
}: {
  readonly address: string;
  readonly mac: string;
  readonly until: string;
}): string => `the host ${mac} has ${address} by a lease until ${until} UTC: choose another address`;

/** Why an address cannot be assigned: it is the network's own or its broadcast address, a rack's or router's, or has another use. */
type Kept = { readonly kind: 'edge' | 'host' | 'dynamic' } | { readonly kind: 'reserved'; readonly mac: string };

function keptText(kept: Kept): string {
  switch (kept.kind) {
    case 'edge':
      return "the network's own or its broadcast address";
    case 'host':
      return "the rack's or the router's";
    case 'dynamic':
      return 'in the dynamic range';
    case 'reserved':
      return `reserved for ${kept.mac} in the configuration of a rack`;
  }
}

function takeFor(
  served: readonly Served[],
  known: readonly AddressKnowledge[],
  asked: Ipv4,
  mac: MacAddress,
  records: NetworkRecords,
): AddressChoice {
  const refuse = (why: RefusalWord): AddressChoice => ({ kind: 'refuse', refusal: why });
  const address = formatIpv4(asked);
  const kept = whyKept(served, asked, mac);
  if (kept !== undefined)
    return refuse(refusal('address-refused', `${address} is ${keptText(kept)}: choose another address`));
  const used = usedIn([asked, asked], known);
  if (used === undefined) return { kind: 'ask', ranges: [[asked, asked]] };
  if (used.taken.size > 0)
    return refuse(
      refusal(
        'address-refused',
        `${address} belongs to another machine, a user or a static route${reservedText(reservationsIn(records, [{ low: asked, high: asked }]))}: choose another address`,
      ),
    );
  const lease = used.leased?.get(asked);
  if (lease !== undefined) return refuse(refusal('address-refused', leasedText({ address, ...leaseText(lease) })));
  return { kind: 'given', addresses: [{ mac, address: asked }] };
}

/**
 * Returns a test for last-seen addresses. It is true for an address that a machine holds only while the address is allocated to it: the
 * address is in a static range, and no configuration reserves it for this interface. When the allocation ends, the machine loses the
 * address, even if its lease would still run.
 */
export function lentAddresses(racks: readonly Rack[]): (address: Ipv4, mac: MacAddress) => boolean {
  const networks = reportedBy(racks).filter(({ fixed }) => fixed !== undefined);
  return (address, mac) =>
    networks.some(
      ({ fixed, reserved }) => fixed !== undefined && isIn(fixed, address) && reserved.get(address) !== mac,
    );
}

/** The network of a fixed address; `undefined` if no accepted rack serves it. */
export function networkOfAddress(racks: readonly Rack[], address: Ipv4): JobNetwork | undefined {
  for (const rack of racks.filter(({ state }) => state === 'accepted')) {
    for (const nic of believedInterfaces(rack)) {
      const network = parseNetwork(nic.network);
      if (network === undefined || !networkContains(network, address)) continue;
      return { prefix: network.prefix, router: nic.router_ip, dns: nic.management === 2 ? nic.ip : '' };
    }
  }
  return undefined;
}

/** Why a rack of the network excludes the address for this interface; `undefined` if no rack does. */
function whyKept(served: readonly Served[], address: Ipv4, mac: MacAddress): Kept | undefined {
  for (const { network, dynamic, kept, reserved } of served) {
    if (!networkContains(network, address)) continue;
    const size = 2 ** (32 - network.prefix);
    if (network.prefix < 31 && (address === network.address || address === network.address + size - 1))
      return { kind: 'edge' };
    if (kept.has(address)) return { kind: 'host' };
    if (dynamic !== undefined && isIn(dynamic, address)) return { kind: 'dynamic' };
    const whose = reserved.get(address);
    if (whose !== undefined && whose !== mac) return { kind: 'reserved', mac: formatMac(whose) };
  }
  return undefined;
}

const isIn = ([low, high]: readonly [Ipv4, Ipv4], address: Ipv4): boolean => address >= low && address <= high;

const macIn = (machine: Machine, served: readonly Served[]): MacAddress | undefined =>
  machine.interfaces.find(
    ({ address }) => address !== undefined && served.some(({ network }) => networkContains(network, address)),
  )?.mac;

/**
 * The network in which the machine was last seen, as each of its racks serves it, and the machine's interface there. For a machine never
 * seen: the network with a static range, if there is exactly one.
 */
function placeOf(
  machine: Machine,
  networks: readonly Served[],
): { readonly served: readonly Served[]; readonly mac: MacAddress } | undefined {
  for (const { mac, address } of machine.interfaces) {
    const served = networks.filter(({ network }) => address !== undefined && networkContains(network, address));
    if (served.length > 0) return { served, mac };
  }
  const [nic] = machine.interfaces;
  const [only, ...others] = networks.filter(({ fixed }) => fixed !== undefined);
  const isUnseen = machine.interfaces.every(({ address }) => address === undefined);
  if (nic === undefined || only === undefined || !isUnseen) return undefined;
  if (others.some(({ network }) => !isSame(network, only.network))) return undefined;
  return { served: networks.filter(({ network }) => isSame(network, only.network)), mac: nic.mac };
}

const isSame = (a: Ipv4Network, b: Ipv4Network): boolean => a.address === b.address && a.prefix === b.prefix;

const reportedBy = (racks: readonly Rack[]): readonly Served[] =>
  racks.filter(({ state }) => state === 'accepted').flatMap((rack) => believedInterfaces(rack).flatMap(servedOf));

/** A network as the region stores it: the addresses that nobody gets there. A static range counts only once its rack reports it. */
function storedAs({ management, network, dynamic, address, router }: ServedNetwork): readonly Served[] {
  if (management === 0) return [];
  const kept = new Set([address, router].filter((one) => one !== undefined));
  const range = dynamic === undefined ? undefined : ([dynamic.low, dynamic.high] as const);
  return [{ network, fixed: undefined, dynamic: range, kept, reserved: new Map() }];
}

function servedOf(nic: RackInterface): readonly Served[] {
  const network = parseNetwork(nic.network);
  if (network === undefined || nic.management === 0) return [];
  const kept = [parseIpv4(nic.ip), parseIpv4(nic.router_ip)].filter((one) => one !== undefined);
  const reserved = new Map<Ipv4, MacAddress>();
  for (const { mac, ip } of nic.reservations ?? []) {
    const [whose, address] = [parseMac(mac), parseIpv4(ip)];
    if (whose !== undefined && address !== undefined) reserved.set(address, whose);
  }
  const fixed = rangeOf(network, nic.static_ip_range_low, nic.static_ip_range_high);
  const dynamic = rangeOf(network, nic.ip_range_low, nic.ip_range_high);
  return [{ network, fixed, dynamic, kept: new Set(kept), reserved }];
}

function rangeOf(network: Ipv4Network, first: string, last: string): readonly [Ipv4, Ipv4] | undefined {
  const [low, high] = [parseIpv4(first), parseIpv4(last)];
  if (low === undefined || high === undefined) return undefined;
  return networkContains(network, low) && networkContains(network, high) ? [low, high] : undefined;
}
