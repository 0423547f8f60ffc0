// Allocates addresses of static ranges to machines. Pure.
//
// 1. An address is allocated to one machine at a time; those of racks, routers, dynamic ranges, and reservations of a rack's configuration
//    for another client never.
// 2. An address last seen on another machine, which may still use it, is allocated only when no other is free. One that another host has by
//    a running lease never is, because its name would lead to that host; leases of accepted machines that nobody owns do not count.
// 3. The network is that in which the machine was seen, its boot interface first; of a machine never seen, the only one.
// 4. A machine gets what a rack's configuration, or else an administrator or its own user, reserves for its interface. The knowledge has
//    reservations of other users as taken.
// 5. An ordinary user may request only static or reserved addresses: any other may belong to a server.
// 6. A rack's range counts only if the region believes the rack about the network, and the network contains the range.
// 7. Several racks may serve one network: all reservations count, and each has its own static range.
// 8. A dynamic range and a router count once the region stores them: their rack serves them before it reports them.

import type { MachineAddress } from '../../machines/machine.ts';
import {
  formatIpv4,
  formatMac,
  formatNetwork,
  type Ipv4,
  type Ipv4Network,
  type Ipv4Range,
  ipv4,
  type MacAddress,
  networkContains,
  networksOverlap,
  parseIpv4,
  rangeContains,
} from '../../net/address.ts';
import { freeParts, hostRange, reservedText, spanText } from '../networks/address-use.ts';
import type { NetworkView, SubnetView } from '../networks/network-view.ts';
import type { RackNetworks } from '../networks/served-networks.ts';
import type { ClusterInterface } from '../racks/cluster-interface.ts';
import type { ReportedNetwork } from '../racks/rack-networks.ts';
import type { AddressKnowledge, AddressRange, ChangeQuestion } from '../records/knowledge.ts';
import type { Machine } from '../records/machine.ts';
import { leaseText, type NetworkRecords } from '../records/network-store.ts';
import { decideRefusal } from '../records/refusal.ts';
import type { CommandRefusal } from './commands.ts';
import type { JobNetwork } from './job.ts';

/** In a longer range, only the first addresses are used. */
const RANGE_MAX = 65_536;
const NONE: ReadonlySet<Ipv4> = new Set();
const NO_RANGES = { fixed: undefined, dynamic: undefined } as const;

interface Served extends Pick<ClusterInterface, 'network' | 'fixed' | 'dynamic'> {
  readonly kept: ReadonlySet<Ipv4>;
  /** `undefined`: for a client without a known hardware address. */
  readonly reserved: ReadonlyMap<Ipv4, MacAddress | undefined>;
}

export type AddressChoice =
  | { readonly kind: 'given'; readonly addresses: readonly MachineAddress[] }
  | { readonly kind: 'refuse'; readonly refusal: CommandRefusal }
  | ChangeQuestion;

/**
 * Chooses a machine's address, or asks which are used. @param known for which the decision has asked @param asked undefined: any of the
 * static range, or none without one @param view in the transaction of the change
 */
export function chooseAddresses(
  machine: Machine,
  known: readonly AddressKnowledge[],
  asked: Ipv4 | undefined,
  isAdmin: boolean,
  { records, ...view }: Pick<NetworkView, 'records' | keyof RackNetworks>,
): AddressChoice {
  const reported = view.reported.filter(({ management }) => management > 0);
  const isReported = ({ cidr }: ClusterInterface): boolean => reported.some((one) => one.cidr === cidr);
  const networks = takenBy({ reported, served: view.served.filter(isReported) });
  if (asked !== undefined) {
    const choice = takeAsked(machine, networks, known, asked, records);
    const isOwn = ({ fixed, reserved: configured }: Served): boolean =>
      (fixed !== undefined && rangeContains(fixed, asked)) || configured.has(asked);
    if (choice.kind !== 'given' || isAdmin || networks.some(isOwn)) return choice;
    return decideRefusal(
      'address-refused',
      `${formatIpv4(asked)} is in no static range: only an administrator may choose such an address`,
    );
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
  const ranges = served.flatMap(({ fixed }) => fixed ?? []);
  if (ranges.length === 0) return { kind: 'given', addresses: [] };
  const kept = machine.addresses.find(
    (one) => one.mac === mac && ranges.some((range) => rangeContains(range, one.address)),
  );
  if (kept !== undefined) return { kind: 'given', addresses: [kept] };
  return giveFree(served, ranges, mac, known) ?? exhausted(ranges, records);
}

/** With the reservations that keep some from machines. */
function exhausted(ranges: readonly Ipv4Range[], records: NetworkRecords): AddressChoice {
  const text = `no address from ${ranges.map(spanText).join(' and ')} is free${reservedText(records, ranges)}: release a machine or a reservation, or widen the static range`;
  return decideRefusal('addresses-exhausted', text);
}

interface LinkAddressWish {
  readonly own: ReadonlySet<Ipv4>;
  readonly asked?: Ipv4 | undefined;
  /** An ordinary user links a device: a free address is then outside the static ranges, which are for machines. */
  readonly isOrdinary: boolean;
  readonly records: NetworkRecords;
}

/**
 * The requested address of a subnet, or a free one of a static range. Without one, and for a user's device, all other addresses are
 * candidates, except its gateway and DNS servers.
 */
export function addressForLink(
  { network, gateway, dnsServers, served: stored }: Pick<SubnetView, 'network' | 'gateway' | 'dnsServers' | 'served'>,
  mac: MacAddress,
  reported: readonly ReportedNetwork[],
  known: readonly AddressKnowledge[],
  { own, asked, isOrdinary, records }: LinkAddressWish,
): AddressChoice {
  const byRacks = takenBy({ reported, served: stored }).filter((one) => networksOverlap(one.network, network));
  // A person may give a machine the address of a DNS server, to be it.
  const hosts = [gateway, ...(asked === undefined ? dnsServers.map(parseIpv4) : [])];
  const kept = new Set(hosts.filter((one) => one !== undefined));
  const served: readonly Served[] = [...byRacks, { network, kept, reserved: new Map(), ...NO_RANGES }];
  const fixed = served.flatMap((one) => one.fixed ?? []);
  if (asked !== undefined) return takeFor(served, known, asked, mac, records);
  const kinds = isOrdinary || fixed.length === 0 ? served.flatMap((one) => [one.fixed, one.dynamic]) : [];
  const others = kinds.flatMap((range) => range ?? []).toSorted((a, b) => a.low - b.low);
  const ranges = isOrdinary || fixed.length === 0 ? freeParts(network, others) : fixed;
  const choice = giveFree(served, ranges, mac, known, own);
  if (choice !== undefined) return choice;
  if (!isOrdinary) return exhausted(ranges, records);
  return decideRefusal(
    'address-refused',
    `${formatNetwork(network)} has no free address outside its static and dynamic ranges${reservedText(records, [hostRange(network)])}: release one, or ask an administrator, who may also link a device with an address of the static range.`,
  );
}

const give = (mac: MacAddress, address: Ipv4): AddressChoice => ({ kind: 'given', addresses: [{ mac, address }] });

/**
 * The first free address; `undefined`: none. An address last seen on another machine is used only if there is no other. Asks for the first
 * range alone, then for all other ranges together.
 */
function giveFree(
  served: readonly Served[],
  ranges: readonly Ipv4Range[],
  mac: MacAddress,
  known: readonly AddressKnowledge[],
  own: ReadonlySet<Ipv4> = NONE,
): AddressChoice | undefined {
  const examined = ranges.map(({ low, high }): AddressRange => [low, ipv4(Math.min(high, low + RANGE_MAX - 1))]);
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
      if (!seen.has(address)) return give(mac, address);
      fallback ??= address;
    }
  }
  return fallback && give(mac, fallback);
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
  const served = networks.filter(({ network }) => networkContains(network, asked));
  if (served.length === 0)
    return decideRefusal(
      'address-refused',
      `${formatIpv4(asked)} is in no network that a rack serves: choose another address`,
    );
  const mac = macIn(machine, served) ?? machine.interfaces[0]?.mac;
  if (mac === undefined) return decideRefusal('address-refused', `${machine.hostname} has no network interface`);
  return takeFor(served, known, asked, mac, records);
}

function takeFor(
  served: readonly Served[],
  known: readonly AddressKnowledge[],
  asked: Ipv4,
  mac: MacAddress,
  records: NetworkRecords,
): AddressChoice {
  const refuse = (why: string) => decideRefusal('address-refused', `${why}: choose another address`);
  const address = formatIpv4(asked);
  const kept = whyKept(served, asked, mac);
  if (kept !== undefined) return refuse(`${address} is ${kept}`);
  const used = usedIn([asked, asked], known);
  if (used === undefined) return { kind: 'ask', ranges: [[asked, asked]] };
  if (used.taken.size > 0)
    return refuse(
      `${address} belongs to another machine, a user or a static route${reservedText(records, [{ low: asked, high: asked }])}`,
    );
  const lease = used.leased?.get(asked);
  if (lease === undefined) return give(mac, asked);
  const { mac: host, until } = leaseText(lease);
  return refuse(`the host ${host} has ${address} by a lease until ${until} UTC`);
}

/**
 * True for a last-seen address that a machine loses with its allocation, even if its lease would still run: one in a static range that no
 * configuration reserves for this interface.
 */
export const isLent = (reported: readonly ReportedNetwork[], seen: Ipv4, mac: MacAddress): boolean =>
  reported.some(
    ({ management, fixed, hosts }) =>
      management > 0 &&
      fixed !== undefined &&
      rangeContains(fixed, seen) &&
      !hosts.some((host) => host.address === seen && host.mac === mac),
  );

/** `undefined` if no accepted rack serves it. */
export function networkOfAddress(reported: readonly ReportedNetwork[], of: Ipv4): JobNetwork | undefined {
  const found = reported.find(({ network }) => networkContains(network, of));
  if (found === undefined) return undefined;
  const { network, router, management, address } = found;
  const text = (one: Ipv4 | undefined) => (one === undefined ? '' : formatIpv4(one));
  return { prefix: network.prefix, router: text(router), dns: text(management === 2 ? address : undefined) };
}

/** Why a rack of the network excludes the address for this interface, after `is`; `undefined` if no rack does. */
function whyKept(served: readonly Served[], address: Ipv4, mac: MacAddress): string | undefined {
  for (const { network, dynamic, kept, reserved } of served) {
    if (!networkContains(network, address)) continue;
    const size = 2 ** (32 - network.prefix);
    if (network.prefix < 31 && (address === network.address || address === network.address + size - 1))
      return "the network's own or its broadcast address";
    if (kept.has(address)) return "the rack's or the router's";
    if (dynamic !== undefined && rangeContains(dynamic, address)) return 'in the dynamic range';
    const whose = reserved.get(address);
    if (reserved.has(address) && whose !== mac)
      return `reserved for ${whose === undefined ? 'another client' : formatMac(whose)} in the configuration of a rack`;
  }
  return undefined;
}

const macIn = (machine: Machine, served: readonly Served[]): MacAddress | undefined =>
  machine.interfaces.find(
    ({ address }) => address !== undefined && served.some(({ network }) => networkContains(network, address)),
  )?.mac;

/** Where it was last seen, as each rack serves it; for a machine never seen, the only network with a static range. */
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

/** What nobody else gets there. A static range and an entry of `hosts` count only once their rack reports them. */
const takenBy = ({ reported, served }: RackNetworks): readonly Served[] =>
  [...reported, ...served.map((one) => ({ ...one, fixed: undefined, hosts: [] }))].flatMap((one) => {
    const { management, network, fixed, dynamic, address, router, hosts } = one;
    if (management === 0) return [];
    const kept = new Set([address, router].filter((each) => each !== undefined));
    const reserved = new Map(hosts.flatMap((host) => (host.address === undefined ? [] : [[host.address, host.mac]])));
    return [{ network, fixed, dynamic, kept, reserved }];
  });
