// Decides what the addresses that racks report of their hosts take from others. Pure.
//
//   address of ─┬─ the embedded rack's host ────────────────────────────────────► itself and its router; its network becomes a subnet
//               ├─ a network of the remote rack itself ─────────────────────────► the same
//               ├─ a network that no other rack has, not in doubt as one that
//               │  the rack serves, of the first DISCOVERED_NETWORKS_MAX ───────► the same
//               ├─ another network of machines, up to FOREIGN_ADDRESSES_MAX ────► itself
//               └─ a network without machines (a single address, a bridge of
//                  containers), or beyond the bound ────────────────────────────► nothing
//
// 1. A remote rack is another host: its heartbeat takes no more of a network of another rack than
//    FOREIGN_ADDRESSES_MAX addresses.
// 2. Another rack has the networks that it serves, and those in which its host was before; the
//    embedded rack's host comes first.
// 3. A router counts only in the network of its address, and of a remote rack only where that
//    network is the rack's.

import {
  formatNetwork,
  type Ipv4,
  type Ipv4Network,
  isHostless,
  type MacAddress,
  networkContains,
  networksOverlap,
  networkWithPrefix,
  parseIpv4,
  parseMac,
  parseNetwork,
} from '../../ground/address.ts';
import { containsNetwork, ownNetworks, undoubtedAmong } from '../racks/rack-networks.ts';
import { NETWORK_PREFIX_MIN } from '../records/heartbeat-bounds.ts';
import type { Rack } from '../records/rack.ts';

/**
 * Networks of one remote rack's host that it does not serve, and in which its addresses and router
 * count. Further ones are as those of others.
 */
export const DISCOVERED_NETWORKS_MAX = 16;
/** Addresses of one remote rack's host in networks that are not its own. Further ones are nobody's. */
export const FOREIGN_ADDRESSES_MAX = 4;

/** An address of a rack's host that takes something. */
export interface RackHostAddress {
  readonly rackName: string;
  readonly interface: string;
  readonly address: Ipv4;
  readonly network: Ipv4Network;
  readonly mac: MacAddress | undefined;
  /** The default router of the host, in the network of the address. */
  readonly router: Ipv4 | undefined;
  /** True if the network becomes a subnet where there is none. */
  readonly isListed: boolean;
}

/** An interface by which a host is in a VLAN, by the names that the kernel's tools give: `eth0.30`. */
interface TaggedInterface {
  readonly parent: string;
  readonly vid: number;
}

/** `undefined`: no such name. */
export function parseTagged(name: string): TaggedInterface | undefined {
  const [, parent, digits] = /^(.+)\.(\d{1,4})$/.exec(name) ?? [];
  return parent === undefined ? undefined : { parent, vid: Number(digits) };
}

/** RFC 3927 §2.1 */
const LINK_LOCAL = parseNetwork('169.254.0.0/16');
/** Of Docker and Podman: each host has the same, and no machine is in it. */
const CONTAINERS = /^(?:docker\d+|br-[\da-f]{12}|podman\d+)$/;

const isOfMachines = ({ interface: nic, network }: Pick<RackHostAddress, 'interface' | 'network'>): boolean =>
  network.prefix >= NETWORK_PREFIX_MIN &&
  network.prefix < 32 &&
  !isHostless(network) &&
  !(LINK_LOCAL !== undefined && networksOverlap(network, LINK_LOCAL)) &&
  !CONTAINERS.test(nic);

interface RackNetwork {
  readonly rack: string;
  readonly network: Ipv4Network;
}

/**
 * The addresses of accepted racks' hosts that take something. @param served the networks of all
 * accepted racks
 */
export function judgeHosts(racks: readonly Rack[], served: readonly RackNetwork[]): readonly RackHostAddress[] {
  const accepted = racks.filter(({ state }) => state === 'accepted');
  const had: RackNetwork[] = [...served];
  return [...accepted.filter(isEmbedded), ...accepted.filter((rack) => !isEmbedded(rack))].flatMap((rack) => {
    const addresses = readAddresses(rack);
    const judged = isEmbedded(rack) ? addresses : judgeRemote(rack, addresses, had, racks);
    const listed = distinct(judged.filter(({ isListed }) => isListed));
    had.push(...listed.map((network) => ({ rack: rack.uuid, network })));
    return judged;
  });
}

const isEmbedded = (rack: Rack): boolean => rack.isEmbedded;

const readAddresses = ({ name: rackName, pulse }: Rack): readonly RackHostAddress[] =>
  (pulse?.addresses ?? []).flatMap(({ interface: nic, address: text, ...more }): readonly RackHostAddress[] => {
    const [written = '', prefix = ''] = text.split('/');
    const address = parseIpv4(written);
    if (address === undefined) return [];
    const network = networkWithPrefix(address, /^\d+$/.test(prefix) ? Math.min(Number(prefix), 32) : 32);
    const [mac, named] = [parseMac(more.mac ?? ''), parseIpv4(more.router ?? '')];
    const router = named !== undefined && isRouter(named, address, network) ? named : undefined;
    const isListed = isOfMachines({ interface: nic, network });
    return [{ rackName, interface: nic, address, network, mac, router, isListed }];
  });

const isRouter = (router: Ipv4, address: Ipv4, network: Ipv4Network): boolean =>
  network.prefix < 31 && router !== address && networkContains(network, router);

function judgeRemote(
  rack: Rack,
  addresses: readonly RackHostAddress[],
  had: readonly RackNetwork[],
  racks: readonly Rack[],
): readonly RackHostAddress[] {
  const isOfRack = ({ rack: by }: RackNetwork): boolean => by === rack.uuid;
  const served = [...ownNetworks(rack), ...had.filter(isOfRack).map(({ network }) => network)];
  const isFree = (network: Ipv4Network): boolean =>
    !had.some((other) => !isOfRack(other) && networksOverlap(other.network, network));
  const further = distinct(addresses.filter(({ isListed }) => isListed))
    .filter((network) => !served.some((own) => containsNetwork(own, network)) && isFree(network))
    .slice(0, DISCOVERED_NETWORKS_MAX);
  const owned = [...served, ...undoubtedAmong(further, rack, racks)];
  const isOwn = (address: Ipv4): boolean => owned.some((network) => networkContains(network, address));
  let foreign = 0;
  return addresses.flatMap((host): readonly RackHostAddress[] => {
    const { address, router, network } = host;
    const isListed = host.isListed && owned.some((own) => containsNetwork(own, network));
    if (isOwn(address))
      return [{ ...host, router: router !== undefined && isOwn(router) ? router : undefined, isListed }];
    if (!host.isListed || foreign >= FOREIGN_ADDRESSES_MAX) return [];
    foreign += 1;
    return [{ ...host, router: undefined, isListed }];
  });
}

const distinct = (addresses: readonly RackHostAddress[]): readonly Ipv4Network[] => [
  ...new Map(addresses.map(({ network }) => [formatNetwork(network), network])).values(),
];
