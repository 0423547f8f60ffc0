// The DNS servers that this host asks. Sources: resolv.conf(5); systemd-resolved(8) on the file
// with the servers behind its stub.

import { type Ipv4, isLoopback, networkContains, networkWithPrefix, parseIpv4 } from '../ground/address.ts';
import { readDefaultRouters } from './default-route.ts';
import { readHostText } from './kernel-text.ts';
import { readHostInterfaces } from './present-interfaces.ts';

/**
 * The second and third file have the servers behind a stub on this host, of systemd-resolved and of
 * NetworkManager's dnsmasq.
 */
const RESOLVER_FILES = [
  '/etc/resolv.conf',
  '/run/systemd/resolve/resolv.conf',
  '/run/NetworkManager/no-stub-ign.resolv.conf',
];
/** How many servers are read: as many as resolv.conf(5) takes (MAXNS). */
const SERVERS_MAX = 3;

/**
 * The IPv4 addresses of the first file that names a server to which there is a route. This host's
 * own addresses are left out, because they may be this rack's.
 */
export function readHostResolvers(): readonly Ipv4[] {
  const ownAddresses = readHostInterfaces().flatMap(({ addresses }) => addresses);
  const isOutward = readDefaultRouters().size > 0;
  const isUsable = (server: Ipv4): boolean =>
    !isLoopback(server) &&
    ownAddresses.every(({ address }) => address !== server) &&
    (isOutward ||
      ownAddresses.some(({ address, prefix }) => networkContains(networkWithPrefix(address, prefix), server)));
  for (const file of RESOLVER_FILES) {
    const servers = parseNameservers(readHostText(file) ?? '').filter(isUsable);
    if (servers.length > 0) return servers.slice(0, SERVERS_MAX);
  }
  return [];
}

export const parseNameservers = (text: string): readonly Ipv4[] => [
  ...new Set([...text.matchAll(/^nameserver[ \t]+(\S+)/gm)].flatMap(([, server = '']) => parseIpv4(server) ?? [])),
];
