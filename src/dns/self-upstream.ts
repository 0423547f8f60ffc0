// Recognises an upstream that is this rack's own name server. The rack would ask itself: each outside name would occupy a question in flight
// for FLIGHT_MS, and then fail with SERVFAIL. Pure.

import { ANY, type Ipv4, isLoopback } from '../net/address.ts';
import type { DnsConfig, DnsUpstream } from './config.ts';

/** Where the rack's own name server answers. */
type OwnPlace = Pick<DnsConfig, 'listen' | 'listenPort' | 'selfAddresses'>;

/** True if the rack itself listens there. */
export function isSelf({ address, port }: DnsUpstream, { listen, listenPort, selfAddresses }: OwnPlace): boolean {
  if (port !== listenPort || listen.length === 0) return false;
  const isHere = (one: Ipv4): boolean => one === ANY || isLoopback(one) || selfAddresses.includes(one);
  return listen.includes(address) || (listen.includes(ANY) && isHere(address));
}

/** The upstreams without this rack. A zone that has no other upstream keeps none: its names are refused, not asked elsewhere. */
export function withoutSelf(config: Pick<DnsConfig, 'upstream' | 'forwardZones'> & OwnPlace) {
  const others = (list: readonly DnsUpstream[]): readonly DnsUpstream[] => list.filter((one) => !isSelf(one, config));
  return {
    upstream: others(config.upstream),
    forwardZones: (config.forwardZones ?? []).map(({ domain, upstream }) => ({ domain, upstream: others(upstream) })),
  };
}
