// The DNS servers that this host asks.

import { getServers } from 'node:dns';
import { type Ipv4, parseIpv4 } from './address.ts';

/** The IPv4 addresses of the DNS servers in this host's `resolv.conf`, as they were when the process started. */
export const hostResolvers = (): readonly Ipv4[] => getServers().flatMap((server) => parseIpv4(server) ?? []);
