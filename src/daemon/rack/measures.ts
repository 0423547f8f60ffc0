// What the rack measures of itself for its region: counters, fills and listeners.

import { formatIpv4, type Ipv4 } from '../../ground/address.ts';
import { LISTENERS_MAX } from '../../region/records/heartbeat-bounds.ts';
import type { RackMeasures } from '../../region/records/rack-measures.ts';
import type { Rack } from './rack.ts';

export const formatEndpoint = ({ address, port }: { readonly address: Ipv4; readonly port: number }): string =>
  `${formatIpv4(address)}:${port}`;

/** @param startedMs the wall time of its start in milliseconds */
export function measureRack({ dhcp, tftp, http, dns }: Rack, startedMs: number): RackMeasures {
  const ranges = dhcp.ranges();
  const usable = ranges.reduce((sum, range) => sum + range.usable, 0);
  const freeCount = ranges.reduce((sum, range) => sum + range.free, 0);
  const queries = dns.counters();
  return {
    startedMs: Math.round(startedMs),
    counts: {
      leases: dhcp.counters().events['dhcp.ack'],
      tftpBytes: tftp.counters().bytes,
      httpBytes: http.counters().bytes,
      dnsQueries: queries['queries-udp'] + queries['queries-tcp'],
    },
    taken: usable - freeCount,
    usable,
    listening: {
      dhcp: dhcp
        .sockets()
        .map(({ name, port }) => `${name}:${port}`)
        .slice(0, LISTENERS_MAX),
      tftp: tftp.listening.map(formatEndpoint).slice(0, LISTENERS_MAX),
      http: http.listening.map(formatEndpoint).slice(0, LISTENERS_MAX),
      dns: dns.listeners.map(formatEndpoint).slice(0, LISTENERS_MAX),
    },
  };
}
