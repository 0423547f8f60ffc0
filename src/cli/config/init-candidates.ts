// The interfaces of this host that can serve machines, and the reason why another interface cannot.

import {
  formatIpv4,
  formatNetwork,
  type Ipv4,
  type Ipv4Network,
  isLoopback,
  networkContains,
  networkWithPrefix,
} from '../../ground/address.ts';
import { RackError } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import { readDefaultRouters } from '../../net/default-route.ts';
import type { HostInterface, InterfaceAddress } from '../../net/host-interface.ts';
import { readHostInterfaces } from '../../net/present-interfaces.ts';
import type { InterfaceProposal } from '../../region/networks/range-proposal.ts';
import type { LocalServer } from './local-dhcp.ts';

/**
 * The prefixes of networks that can be served. Larger networks belong to a provider, and smaller
 * ones have no room for two ranges.
 */
const [SHORTEST_PREFIX, LONGEST_PREFIX] = [8, 28];

export interface InterfaceCandidate extends InterfaceProposal {
  /** True if the default route uses it. */
  readonly isDefaultRoute: boolean;
  /** The range of another DHCP server on this host, in which its leases lie. */
  readonly formerRange?: { readonly low: Ipv4; readonly high: Ipv4 } | undefined;
  /** The domain that the other server names to its clients. */
  readonly formerDomain?: string | undefined;
}

/**
 * Adds what other DHCP servers of this host gave in the networks of candidates: range, router and
 * domain.
 */
export const addFormerServers = (
  candidates: readonly InterfaceCandidate[],
  servers: readonly LocalServer[],
): readonly InterfaceCandidate[] =>
  candidates.map((candidate) => {
    const formerServers = servers.filter(({ interfaces }) => interfaces.has(candidate.name));
    const ranges = formerServers.flatMap((server) => server.ranges);
    const formerRange = ranges.find(({ low, high }) =>
      [low, high].every((end) => networkContains(candidate.network, end)),
    );
    const routers = formerServers.flatMap((server) => server.routers);
    const gateway = routers.find(
      (router) => router !== candidate.address && networkContains(candidate.network, router),
    );
    const formerDomain = formerRange && formerServers.flatMap((server) => server.domains)[0];
    return { ...candidate, formerRange, formerDomain, ...(gateway === undefined ? {} : { gateway }) };
  });

/** `eth0 192.168.1.0/24 (leads to the default router)` */
export const describeCandidate = ({ name, network, isDefaultRoute }: InterfaceCandidate): string =>
  `${name} ${formatNetwork(network)}${isDefaultRoute ? ' (leads to the default router)' : ''}`;

export function unknownInterfaceText(candidates: readonly InterfaceCandidate[], name: string): string {
  const list = candidates.map(describeCandidate).join(', ');
  if (name === '')
    return `name the interface of your machines' network with --interface: ${list}; or leave it to the page with --no-interface`;
  const interfaces = readHostInterfaces();
  const hint = composeNearestHint(
    name,
    interfaces.map((hostInterface) => hostInterface.name),
  );
  return unfitText(name, interfaces) ?? `${name} is not an interface of this host; ${hint}choose from ${list}`;
}

/** Why an interface cannot serve machines now, with the command that fixes it. */
function unfitText(name: string, interfaces: readonly HostInterface[]): string | undefined {
  const hostInterface = interfaces.find((each) => each.name === name);
  if (hostInterface === undefined) return undefined;
  const addCommand = `sudo ip address add 10.20.0.1/24 dev ${name}`;
  if (!hostInterface.up)
    return `${name} is down: sudo ip link set ${name} up; if it then has no address: ${addCommand}`;
  const [first] = hostInterface.addresses;
  if (first === undefined) return `${name} has no IPv4 address: ${addCommand}, or another address that is free there`;
  if (isLoopback(first.address)) return `${name} is the loopback: name the interface of your machines' network`;
  const networkText = `${formatIpv4(first.address)}/${first.prefix}`;
  return `${name} has ${networkText}, but machines need a network with a prefix of ${SHORTEST_PREFIX} to ${LONGEST_PREFIX}: ${addCommand}`;
}

const isUsable = ({ address, prefix }: InterfaceAddress): boolean =>
  !isLoopback(address) && prefix >= SHORTEST_PREFIX && prefix <= LONGEST_PREFIX;

/**
 * Interfaces with an IPv4 network that could hold machines; those without the default route come first.
 * @param isTaken true for a network that is served already
 * @throws RackError `bad-argument` if there is none, `already-exists` if the network of the wanted
 * interface is served already
 */
export function findCandidates(
  wantedInterface: string | undefined,
  isTaken: (network: Ipv4Network) => boolean = () => false,
): readonly InterfaceCandidate[] {
  const unused: InterfaceCandidate[] = [];
  const routers = readDefaultRouters();
  const interfaces = readHostInterfaces();
  for (const { name, addresses } of interfaces) {
    const usableNetworks = addresses.filter(isUsable).map((usableAddress) => ({
      ...usableAddress,
      network: networkWithPrefix(usableAddress.address, usableAddress.prefix),
    }));
    const freeNetwork = usableNetworks.find(({ network }) => !isTaken(network));
    if (freeNetwork === undefined && name === wantedInterface && usableNetworks[0] !== undefined)
      throw new RackError(
        'already-exists',
        `${name} ${formatNetwork(usableNetworks[0].network)} is served: rackboot networks list`,
      );
    if (freeNetwork === undefined) continue;
    const { address, network } = freeNetwork;
    const gateway = [...routers.values()].find((router) => router !== undefined && networkContains(network, router));
    const isDefaultRoute = routers.has(name);
    unused.push({ name, address, network, gateway, isDefaultRoute });
  }
  if (unused.length === 0) {
    const unfit = wantedInterface === undefined ? undefined : unfitText(wantedInterface, interfaces);
    throw new RackError(
      'bad-argument',
      unfit ??
        `${wantedInterface ?? 'this host'} has no IPv4 network to serve, or is down. Set an interface up and give it an address first, ` +
          'such as `ip link set eth1 up` and `ip address add 10.20.0.1/24 dev eth1`',
    );
  }
  return unused.sort((a, b) => Number(a.isDefaultRoute) - Number(b.isDefaultRoute));
}
