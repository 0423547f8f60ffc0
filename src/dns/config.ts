// The resolved DNS settings.

import type { Ipv4, Ipv4Network, Ipv4Range } from '../net/address.ts';

/** One upstream server. */
export interface DnsUpstream {
  readonly address: Ipv4;
  readonly port: number;
}

/** A configured record as written: its data is text in master-file form. */
export interface ConfiguredRecord {
  /** Fully qualified, lower case, without the final dot. */
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'TXT' | 'MX' | 'NS' | 'SRV' | 'SSHFP' | 'CAA' | 'PTR';
  readonly data: string;
  readonly ttl?: number | undefined;
}

export interface DnsConfig {
  /** Local addresses to listen on; empty turns DNS off. */
  readonly listen: readonly Ipv4[];
  readonly listenPort: number;
  /** The forward zones this rack is authoritative for, lower case, without the final dot; the first is the default. */
  readonly domains: readonly string[];
  /** Networks whose reverse zones this rack is authoritative for. */
  readonly reverseNetworks: readonly Ipv4Network[];
  /** Dynamic ranges, whose addresses have computed names `a-b-c-d.domain`. */
  readonly generated: readonly { readonly range: Ipv4Range; readonly domain: string }[];
  readonly upstream: readonly DnsUpstream[];
  /** Domains with upstreams of their own, used instead of `upstream` for names at or below the domain (lower case, no final dot). */
  readonly forwardZones?: readonly { readonly domain: string; readonly upstream: readonly DnsUpstream[] }[] | undefined;
  readonly records: readonly ConfiguredRecord[];
  /** Networks whose clients may ask: managed networks, loopback and `allow_recursion`. All others are REFUSED. */
  readonly clients: readonly Ipv4Network[];
  /** The rack's own addresses, to which each zone's apex and name server resolve. */
  readonly selfAddresses: readonly Ipv4[];
  /** The rack's name, one label. */
  readonly selfName: string;
}
