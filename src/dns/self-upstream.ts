// Recognises an upstream that is this rack. Each outside name would occupy a question in flight for
// FLIGHT_MS, then fail. Pure.

import { ANY, type Ipv4, isLoopback } from '../ground/address.ts';
import type { DnsConfig, DnsUpstream } from './config.ts';

/** The addresses and port at which this rack answers. */
type OwnPlace = Pick<DnsConfig, 'listen' | 'listenPort' | 'selfAddresses'>;

export function isSelf({ address, port }: DnsUpstream, { listen, listenPort, selfAddresses }: OwnPlace): boolean {
  if (port !== listenPort || listen.length === 0) return false;
  const isHere = (candidate: Ipv4): boolean =>
    candidate === ANY || isLoopback(candidate) || selfAddresses.includes(candidate);
  return listen.includes(address) || (listen.includes(ANY) && isHere(address));
}

/** A zone without another upstream keeps none: its names are refused. */
export function withoutSelf(config: Pick<DnsConfig, 'upstream' | 'forwardZones'> & OwnPlace) {
  const others = (list: readonly DnsUpstream[]): readonly DnsUpstream[] =>
    list.filter((upstream) => !isSelf(upstream, config));
  return {
    upstream: others(config.upstream),
    forwardZones: (config.forwardZones ?? []).map(({ domain, upstream }) => ({ domain, upstream: others(upstream) })),
  };
}
