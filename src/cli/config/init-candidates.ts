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
import { nearestHint } from '../../ground/nearest-name.ts';
import { readDefaultRouters } from '../../net/default-route.ts';
import type { HostInterface, InterfaceAddress } from '../../net/host-interface.ts';
import { readHostInterfaces } from '../../net/present-interfaces.ts';
import type { InterfaceProposal } from '../../region/networks/range-proposal.ts';
import type { LocalServer } from './local-dhcp.ts';

/** Larger networks belong to a provider; smaller ones have no room for two ranges. */
const [SHORTEST_PREFIX, LONGEST_PREFIX] = [8, 28];

export interface Candidate extends InterfaceProposal {
  /** The default route uses it. */
  readonly isDefaultRoute: boolean;
  /** Of another DHCP server on this host, whose leases lie in it. */
  readonly formerRange?: { readonly low: Ipv4; readonly high: Ipv4 } | undefined;
  /** The domain that this server names to its clients. */
  readonly formerDomain?: string | undefined;
}

/**
 * What other DHCP servers of this host gave in the networks of candidates: their range, router and
 * domain.
 */
export const withFormer = (candidates: readonly Candidate[], servers: readonly LocalServer[]): readonly Candidate[] =>
  candidates.map((candidate) => {
    const former = servers.filter(({ interfaces }) => interfaces.has(candidate.name));
    const ranges = former.flatMap((server) => server.ranges);
    const formerRange = ranges.find(({ low, high }) =>
      [low, high].every((end) => networkContains(candidate.network, end)),
    );
    const routers = former.flatMap((server) => server.routers);
    const gateway = routers.find(
      (router) => router !== candidate.address && networkContains(candidate.network, router),
    );
    const formerDomain = formerRange && former.flatMap((server) => server.domains)[0];
    return { ...candidate, formerRange, formerDomain, ...(gateway === undefined ? {} : { gateway }) };
  });

/** `eth0 192.168.1.0/24 (leads to the default router)` */
export const describeCandidate = ({ name, network, isDefaultRoute }: Candidate): string =>
  `${name} ${formatNetwork(network)}${isDefaultRoute ? ' (leads to the default router)' : ''}`;

export function unknownInterfaceText(candidates: readonly Candidate[], name: string): string {
  const list = candidates.map(describeCandidate).join(', ');
  if (name === '')
    return `name the interface of your machines' network with --interface: ${list}; or leave it to the page with --no-interface`;
  const interfaces = readHostInterfaces();
  const hint = nearestHint(
    name,
    interfaces.map((hostInterface) => hostInterface.name),
  );
  return unfitText(name, interfaces) ?? `${name} is not an interface of this host; ${hint}choose from ${list}`;
}

/** Why an interface cannot serve machines now, with the command that fixes it. */
function unfitText(name: string, interfaces: readonly HostInterface[]): string | undefined {
  const hostInterface = interfaces.find((each) => each.name === name);
  if (hostInterface === undefined) return undefined;
  const give = `sudo ip address add 10.20.0.1/24 dev ${name}`;
  if (!hostInterface.up) return `${name} is down: sudo ip link set ${name} up; if it then has no address: ${give}`;
  const [first] = hostInterface.addresses;
  if (first === undefined) return `${name} has no IPv4 address: ${give}, or another address that is free there`;
  if (isLoopback(first.address)) return `${name} is the loopback: name the interface of your machines' network`;
  const has = `${formatIpv4(first.address)}/${first.prefix}`;
  return `${name} has ${has}, but machines need a network with a prefix of ${SHORTEST_PREFIX} to ${LONGEST_PREFIX}: ${give}`;
}

const isUsable = ({ address, prefix }: InterfaceAddress): boolean =>
  !isLoopback(address) && prefix >= SHORTEST_PREFIX && prefix <= LONGEST_PREFIX;

/**
 * Interfaces with an IPv4 network that could hold machines; those without the default route come first.
 * @param isTaken true for a network that is served already
 * @throws RackError `bad-argument` if there is none, `already-exists` if that of the wanted
 * interface is taken
 */
export function findCandidates(
  wanted: string | undefined,
  isTaken: (network: Ipv4Network) => boolean = () => false,
): readonly Candidate[] {
  const unused: Candidate[] = [];
  const routers = readDefaultRouters();
  const interfaces = readHostInterfaces();
  for (const { name, addresses } of interfaces) {
    const all = addresses.filter(isUsable).map((usableAddress) => ({
      ...usableAddress,
      network: networkWithPrefix(usableAddress.address, usableAddress.prefix),
    }));
    const usable = all.find(({ network }) => !isTaken(network));
    if (usable === undefined && name === wanted && all[0] !== undefined)
      throw new RackError(
        'already-exists',
        `${name} ${formatNetwork(all[0].network)} is served: rackboot networks list`,
      );
    if (usable === undefined) continue;
    const { address, network } = usable;
    const gateway = [...routers.values()].find((router) => router !== undefined && networkContains(network, router));
    const isDefaultRoute = routers.has(name);
    unused.push({ name, address, network, gateway, isDefaultRoute });
  }
  if (unused.length === 0) {
    const unfit = wanted === undefined ? undefined : unfitText(wanted, interfaces);
    throw new RackError(
      'bad-argument',
      unfit ??
        `${wanted ?? 'this host'} has no IPv4 network to serve, or is down. Set an interface up and give it an address first, ` +
          'such as `ip link set eth1 up` and `ip address add 10.20.0.1/24 dev eth1`',
    );
  }
  return unused.sort((a, b) => Number(a.isDefaultRoute) - Number(b.isDefaultRoute));
}
