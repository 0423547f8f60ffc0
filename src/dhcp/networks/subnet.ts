// Finds the client's network. Sources: RFC 2131 §4.3.1 (giaddr, arrival interface), RFC 3527 §3
// (82.5, link selection), RFC 3011 §2 (118, subnet selection).
//
// 1. The first that the message carries decides: 82.5, 118, giaddr, ciaddr on a socket bound to an
//    address, the arrival. If the named network is not served, the message is refused.
// 2. The subnets of one interface are a shared network: a client there may get an address of any.
//    So are subnets configured as one: a named subnet identifies the shared network, not the
//    address (RFC 3527 §3, RFC 3011 §2). The named subnet comes first.
// 3. Without a relay agent a message may also name a network elsewhere: an access server asks so
//    for its callers (RFC 3011 §1.1). Any host could take addresses this way, so `relays.ts`
//    decides who may.
// 4. A network whose own address is not on its interface is not served: no reply could leave there.

import {
  ANY,
  computeBroadcastAddress,
  findNetworkEdge,
  type Ipv4,
  type MacAddress,
  networkContains,
} from '../../ground/address.ts';
import type { NetworkRefusal } from '../events/refusals.ts';
import type { DhcpMessage } from '../wire/message.ts';
import { OPTION, optionAddress } from '../wire/options.ts';
import type { RelayInformation } from '../wire/relay-agent.ts';
import type { DhcpConfig, DhcpSubnet } from './config.ts';
import { encodeNetworkOptions, type NetworkOptions } from './network-options.ts';
import { indexReservations, type ReservationIndex } from './reservations.ts';

/** A subnet, prepared for the look-ups of each packet. */
export interface ServedSubnet {
  readonly subnet: DhcpSubnet;
  readonly reservations: ReservationIndex;
  readonly hostnames: ReadonlySet<string>;
  readonly options: NetworkOptions;
  /** Addresses no client gets: the rack's, the router's, the network's and broadcast. */
  readonly excluded: ReadonlySet<Ipv4>;
}

export interface SubnetIndex {
  readonly served: readonly ServedSubnet[];
  /** The networks of configured shared networks, by name. */
  readonly sharedNetworks: ReadonlyMap<string, readonly ServedSubnet[]>;
  /** Interfaces not served because their address is missing. */
  readonly withoutAddress: ReadonlySet<string>;
  /** Every address by which clients may know this rack. */
  readonly ownAddresses: ReadonlySet<Ipv4>;
}

export interface LocalInterface {
  readonly name: string;
  readonly addresses: readonly { readonly address: Ipv4 }[];
  /** Its hardware address while it has carrier and one is known. */
  readonly mac?: MacAddress | undefined;
  /** It leads to the default router of the host. */
  readonly outward?: { readonly router: Ipv4 | undefined } | undefined;
}

/** The socket by which a message came. */
export interface Arrival {
  /** The socket's device; undefined: it is bound to an address. */
  readonly interfaceName: string | undefined;
  /** The socket's address; 0.0.0.0 for a device socket. */
  readonly localAddress: Ipv4;
  /** For a message to the boot server port (4011): its source port. */
  readonly bootServerPort?: number | undefined;
}

/** The subnets of the client's shared network, at least one, or why there is none. */
type SharedNetworkChoice =
  | { readonly kind: 'shared-network'; readonly sharedNetwork: readonly ServedSubnet[] }
  | { readonly kind: 'refused'; readonly reason: NetworkRefusal };

/**
 * Prepares a configuration for look-ups.
 * @param interfaces undefined: not known, all configured addresses are assumed present. The default
 * routers that they lead to are never leased
 */
export function indexSubnets(config: DhcpConfig, interfaces: readonly LocalInterface[] | undefined): SubnetIndex {
  const routers = (interfaces ?? []).flatMap(({ outward }) => outward?.router ?? []);
  const ownAddresses = new Set<Ipv4>();
  for (const { serverAddress } of config.subnets) if (serverAddress !== undefined) ownAddresses.add(serverAddress);
  for (const { addresses } of interfaces ?? []) for (const { address } of addresses) ownAddresses.add(address);

  const served: ServedSubnet[] = [];
  const withoutAddress = new Set<string>();
  for (const subnet of config.subnets) {
    if (isReady(subnet, interfaces)) served.push(createServedSubnet(subnet, [...ownAddresses, ...routers]));
    else if (subnet.interfaceName !== undefined) withoutAddress.add(subnet.interfaceName);
  }
  for (const { subnet } of served) if (subnet.interfaceName !== undefined) withoutAddress.delete(subnet.interfaceName);
  return { served, sharedNetworks: sharedByName(served), withoutAddress, ownAddresses };
}

function sharedByName(served: readonly ServedSubnet[]): SubnetIndex['sharedNetworks'] {
  const sharedNetworks = new Map<string, ServedSubnet[]>();
  for (const servedSubnet of served) {
    const { shared } = servedSubnet.subnet;
    if (shared === undefined) continue;
    const members = sharedNetworks.get(shared);
    if (members === undefined) sharedNetworks.set(shared, [servedSubnet]);
    else members.push(servedSubnet);
  }
  return sharedNetworks;
}

function isReady(subnet: DhcpSubnet, interfaces: readonly LocalInterface[] | undefined): boolean {
  if (interfaces === undefined || subnet.interfaceName === undefined || subnet.serverAddress === undefined) return true;
  const hostInterface = interfaces.find(({ name }) => name === subnet.interfaceName);
  return hostInterface?.addresses.some(({ address }) => address === subnet.serverAddress) ?? false;
}

function createServedSubnet(subnet: DhcpSubnet, ofHost: readonly Ipv4[]): ServedSubnet {
  const excluded = new Set(ofHost);
  const last = computeBroadcastAddress(subnet.network);
  for (const edge of [subnet.network.address, last])
    if (findNetworkEdge(subnet.network, edge) !== undefined) excluded.add(edge);
  excluded.add(subnet.broadcast);
  if (subnet.router !== undefined) excluded.add(subnet.router);
  return {
    subnet,
    reservations: indexReservations(subnet.reservations),
    hostnames: new Set(subnet.reservations.flatMap(({ hostname }) => (hostname === undefined ? [] : [hostname]))),
    options: encodeNetworkOptions(subnet),
    excluded,
  };
}

export function chooseSharedNetwork(
  message: DhcpMessage,
  relay: RelayInformation | undefined,
  arrival: Arrival,
  index: SubnetIndex,
): SharedNetworkChoice {
  const named = namedNetwork(message, relay, arrival);
  if (named !== undefined) {
    const served = index.served.find(({ subnet }) => networkContains(subnet.network, named));
    if (served === undefined) return { kind: 'refused', reason: 'network-unknown' };
    return { kind: 'shared-network', sharedNetwork: withShared([served], index) };
  }
  const sharedNetwork = findArrivalNetworks(arrival, index);
  if (sharedNetwork.length > 0) return { kind: 'shared-network', sharedNetwork };
  if (arrival.interfaceName === undefined) return { kind: 'refused', reason: 'network-unknown' };
  const absent = index.withoutAddress.has(arrival.interfaceName);
  return { kind: 'refused', reason: absent ? 'interface-without-address' : 'interface-unserved' };
}

/** The networks a message came by, as far as the socket shows. */
function findArrivalNetworks({ interfaceName, localAddress }: Arrival, index: SubnetIndex): readonly ServedSubnet[] {
  const sharedNetwork = index.served.filter(({ subnet }) =>
    interfaceName === undefined ? subnet.serverAddress === localAddress : subnet.interfaceName === interfaceName,
  );
  return withShared(sharedNetwork, index);
}

/** Puts the other networks of their shared networks behind these. */
function withShared(sharedNetwork: readonly ServedSubnet[], { sharedNetworks }: SubnetIndex): readonly ServedSubnet[] {
  if (sharedNetworks.size === 0) return sharedNetwork;
  const all = new Set(sharedNetwork);
  for (const { subnet } of sharedNetwork) {
    if (subnet.shared === undefined) continue;
    for (const other of sharedNetworks.get(subnet.shared) ?? []) all.add(other);
  }
  return all.size === sharedNetwork.length ? sharedNetwork : [...all];
}

/** The address by which a message names its network; undefined: the arrival decides. */
export function namedNetwork(
  message: DhcpMessage,
  relay: RelayInformation | undefined,
  arrival: Arrival,
): Ipv4 | undefined {
  if (relay?.linkSelection !== undefined) return relay.linkSelection;
  const selected = optionAddress(message.options, OPTION.subnetSelection);
  if (selected !== undefined) return selected;
  if (message.giaddr !== ANY) return message.giaddr;
  return arrival.interfaceName === undefined && message.ciaddr !== ANY ? message.ciaddr : undefined;
}

export const findServedSubnet = (sharedNetwork: readonly ServedSubnet[], address: Ipv4): ServedSubnet | undefined =>
  sharedNetwork.find(({ subnet }) => networkContains(subnet.network, address));
