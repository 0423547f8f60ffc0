// Allocates addresses of static ranges to machines. Pure.
//
// 1. An address is allocated to one machine at a time; those of racks, routers, dynamic ranges, and
//    reservations of a rack's configuration for another client never.
// 2. An address last seen on another machine, which may still use it, is allocated only when no
//    other is free. One that another host has by a running lease never is, because its name would
//    lead to that host; leases of accepted machines that nobody owns do not count.
// 3. The network is that in which the machine was seen, its boot interface first; of a machine
//    never seen, the only one.
// 4. A machine gets what a rack's configuration, or else an administrator or its own user, reserves
//    for its interface. The knowledge has reservations of other users as taken.
// 5. An ordinary user may request only static or reserved addresses: any other may belong to a server.
// 6. A rack's range counts only if the region believes the rack about the network, and the network
//    contains the range.
// 7. Several racks may serve one network: all reservations count, and each has its own static range.
// 8. A dynamic range and a router count once the region stores them: their rack serves them before
//    it reports them.

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
  rangeContains,
} from '../../ground/address.ts';
import type { MachineAddress } from '../../machines/machine.ts';
import { configuredBy, findBar, indexOwners, type Owner, ownersKnown } from '../networks/address-owners.ts';
import { freeParts, hostRange, reservedText, spanText } from '../networks/address-use.ts';
import type { NetworkView, SubnetView } from '../networks/network-view.ts';
import type { ServedNetwork } from '../networks/served-networks.ts';
import type { ReportedNetwork } from '../racks/rack-networks.ts';
import type { AddressKnowledge, AddressRange, ChangeQuestion } from '../records/knowledge.ts';
import type { Machine } from '../records/machine.ts';
import { leaseText, type NetworkRecords } from '../records/network-store.ts';
import { decideRefusal } from '../records/refusal.ts';
import type { CommandRefusal } from './commands.ts';
import type { JobNetwork } from './job.ts';

/** How many addresses of a range are used; in a longer range only the first ones. */
const RANGE_MAX = 65_536;

export type AddressChoice =
  | { readonly kind: 'given'; readonly addresses: readonly MachineAddress[] }
  | { readonly kind: 'refuse'; readonly refusal: CommandRefusal }
  | ChangeQuestion;

/** The machine whose addresses are chosen, and what is known of them. */
interface Search {
  readonly view: NetworkView;
  /** For which the decision has asked. */
  readonly known: readonly AddressKnowledge[];
  readonly mac: MacAddress;
  /** What the machine has already. */
  readonly had: readonly Ipv4[];
}

/**
 * Chooses a machine's address, or asks which are used. @param knowledge for which the decision has
 * asked @param requested undefined: any of the static range, or none without one @param view in the
 * transaction of the change
 */
export function chooseAddresses(
  machine: Machine,
  knowledge: readonly AddressKnowledge[],
  requested: Ipv4 | undefined,
  isAdmin: boolean,
  view: NetworkView,
): AddressChoice {
  const networks = view.reported.filter(({ management }) => management > 0);
  const options = { view, known: knowledge, had: machine.addresses.map(({ address }) => address) };
  if (requested !== undefined) {
    const choice = takeAsked(machine, networks, requested, options);
    const isOpen = ({ fixed, hosts }: ReportedNetwork): boolean =>
      (fixed !== undefined && rangeContains(fixed, requested)) || hosts.some(({ address }) => address === requested);
    if (choice.kind !== 'given' || isAdmin || networks.some(isOpen)) return choice;
    return decideRefusal(
      'address-refused',
      `${formatIpv4(requested)} is in no static range: only an administrator may choose such an address`,
    );
  }
  const place = findLastNetworks(machine, networks);
  if (place === undefined) return { kind: 'given', addresses: [] };
  const { served, mac } = place;
  const isServed = (address: Ipv4): boolean => served.some(({ network }) => networkContains(network, address));
  const own = indexOwners(view)
    .ofHost(mac)
    .find(({ low }) => isServed(low))?.low;
  if (own !== undefined) {
    const choice = takeAsked(machine, networks, own, options);
    if (choice.kind !== 'refuse') return choice;
  }
  const ranges = served.flatMap(({ fixed }) => fixed ?? []);
  if (ranges.length === 0) return { kind: 'given', addresses: [] };
  const fixedAddress = machine.addresses.find(
    (candidate) => candidate.mac === mac && ranges.some((range) => rangeContains(range, candidate.address)),
  );
  if (fixedAddress !== undefined) return { kind: 'given', addresses: [fixedAddress] };
  return giveFree({ ...options, mac }, ranges) ?? exhausted(ranges, view.records);
}

/**
 * The refusal for exhausted ranges, with the reservations that keep some addresses from machines.
 */
function exhausted(ranges: readonly Ipv4Range[], records: NetworkRecords): AddressChoice {
  const text = `no address from ${ranges.map(spanText).join(' and ')} is free${reservedText(records, ranges)}: release a machine or a reservation, or widen the static range`;
  return decideRefusal('addresses-exhausted', text);
}

interface LinkAddressWish extends Search {
  readonly asked?: Ipv4 | undefined;
  /**
   * An ordinary user links a device: a free address is then outside the static ranges, which are
   * for machines.
   */
  readonly isOrdinary: boolean;
}

/**
 * The requested address of a subnet, or a free one of a static range. Without one, and for a user's
 * device, all other addresses are candidates.
 */
export function addressForLink(
  { network, served: stored }: Pick<SubnetView, 'network' | 'served'>,
  { asked, isOrdinary, ...search }: LinkAddressWish,
): AddressChoice {
  if (asked !== undefined) return takeFor(search, asked);
  const { reported, records } = search.view;
  const isHere = (candidate: ServedNetwork | ReportedNetwork): boolean =>
    candidate.management > 0 && networksOverlap(candidate.network, network);
  const fixed = reported.filter(isHere).flatMap((network) => network.fixed ?? []);
  const isOutside = isOrdinary || fixed.length === 0;
  const dynamic = [...reported, ...stored].filter(isHere).flatMap((network) => network.dynamic ?? []);
  const others = [...fixed, ...dynamic].toSorted((a, b) => a.low - b.low);
  const ranges = isOutside ? freeParts(network, others) : fixed;
  const choice = giveFree(search, ranges);
  if (choice !== undefined) return choice;
  if (!isOrdinary) return exhausted(ranges, records);
  return decideRefusal(
    'address-refused',
    `${formatNetwork(network)} has no free address outside its static and dynamic ranges${reservedText(records, [hostRange(network)])}: release one, or ask an administrator, who may also link a device with an address of the static range.`,
  );
}

const give = (mac: MacAddress, address: Ipv4): AddressChoice => ({ kind: 'given', addresses: [{ mac, address }] });

/**
 * The first free address; `undefined`: none. An address last seen on another machine is used only
 * if there is no other. Asks for the first range alone, then for all other ranges together.
 */
function giveFree({ view, known, mac, had }: Search, ranges: readonly Ipv4Range[]): AddressChoice | undefined {
  const examined = ranges.map(({ low, high }): AddressRange => [low, ipv4(Math.min(high, low + RANGE_MAX - 1))]);
  const claim = { kind: 'chosen', mac } as const;
  let fallback: Ipv4 | undefined;
  for (const [index, range] of examined.entries()) {
    const used = usedIn(range, known);
    if (used === undefined) return { kind: 'ask', ranges: index === 0 ? [range] : examined.slice(index) };
    const [low, high] = range;
    for (const [address, verdict] of indexOwners(view).freeFor({ low, high }, claim, used)) {
      if (had.includes(address)) continue;
      if (verdict === 'yes') return give(mac, address);
      fallback ??= address;
    }
  }
  return fallback && give(mac, fallback);
}

const usedIn = ([low, high]: AddressRange, knowledge: readonly AddressKnowledge[]): AddressKnowledge | undefined =>
  knowledge.find(({ range }) => range[0] === low && range[1] === high);

function takeAsked(
  machine: Machine,
  networks: readonly ReportedNetwork[],
  requested: Ipv4,
  options: Omit<Search, 'mac'>,
): AddressChoice {
  const served = networks.filter(({ network }) => networkContains(network, requested));
  if (served.length === 0)
    return decideRefusal(
      'address-refused',
      `${formatIpv4(requested)} is in no network that a rack serves: choose another address`,
    );
  const mac = macIn(machine, served) ?? machine.interfaces[0]?.mac;
  if (mac === undefined) return decideRefusal('address-refused', `${machine.hostname} has no network interface`);
  return takeFor({ ...options, mac }, requested);
}

function takeFor({ view, known, mac, had }: Search, requested: Ipv4): AddressChoice {
  const claim = { kind: 'asked', mac, had } as const;
  const used = usedIn([requested, requested], known);
  const owners = indexOwners(view).at(requested);
  const bar = findBar(used === undefined ? owners : [...owners, ...ownersKnown(requested, used)], claim);
  if (bar !== undefined)
    return decideRefusal('address-refused', `${barText(bar, requested, view.records)}: choose another address`);
  return used === undefined ? { kind: 'ask', ranges: [[requested, requested]] } : give(mac, requested);
}

/** Why a machine may not have the address. */
function barText(bar: Owner, requested: Ipv4, records: NetworkRecords): string {
  const address = formatIpv4(requested);
  switch (bar.kind) {
    case 'edge':
      return `${address} is the network's own or its broadcast address`;
    case 'rack':
    case 'router':
      return `${address} is the rack's or the router's`;
    case 'dynamic':
      return `${address} is in the dynamic range`;
    case 'configured':
      return `${address} is reserved for ${bar.mac === undefined ? 'another client' : formatMac(bar.mac)} in ${configuredBy(bar)}`;
    case 'lease': {
      const { mac: host, until } = leaseText(bar);
      return `the host ${host} has ${address} by a lease until ${until} UTC`;
    }
    default:
      return `${address} belongs to another machine, a user or a static route${reservedText(records, [{ low: requested, high: requested }])}`;
  }
}

/**
 * True for a last-seen address that a machine loses with its allocation, even if its lease would
 * still run: one in a static range that no configuration reserves for this interface.
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
  const foundNetwork = reported.find(({ network }) => networkContains(network, of));
  if (foundNetwork === undefined) return undefined;
  const { network, router, management, address } = foundNetwork;
  const text = (address: Ipv4 | undefined) => (address === undefined ? '' : formatIpv4(address));
  return { prefix: network.prefix, router: text(router), dns: text(management === 2 ? address : undefined) };
}

const macIn = (machine: Machine, served: readonly ReportedNetwork[]): MacAddress | undefined =>
  machine.interfaces.find(
    ({ address }) => address !== undefined && served.some(({ network }) => networkContains(network, address)),
  )?.mac;

/**
 * The networks where a machine was last seen, as each rack serves them; for a machine never seen,
 * the only network with a static range.
 */
function findLastNetworks(
  machine: Machine,
  networks: readonly ReportedNetwork[],
): { readonly served: readonly ReportedNetwork[]; readonly mac: MacAddress } | undefined {
  for (const { mac, address } of machine.interfaces) {
    const served = networks.filter(({ network }) => address !== undefined && networkContains(network, address));
    if (served.length > 0) return { served, mac };
  }
  const [nic] = machine.interfaces;
  const [onlyNetwork, ...others] = networks.filter(({ fixed }) => fixed !== undefined);
  const isUnseen = machine.interfaces.every(({ address }) => address === undefined);
  if (nic === undefined || onlyNetwork === undefined || !isUnseen) return undefined;
  if (others.some(({ network }) => !isSameNetwork(network, onlyNetwork.network))) return undefined;
  return { served: networks.filter(({ network }) => isSameNetwork(network, onlyNetwork.network)), mac: nic.mac };
}

const isSameNetwork = (a: Ipv4Network, b: Ipv4Network): boolean => a.address === b.address && a.prefix === b.prefix;
