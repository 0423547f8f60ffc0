// The DNS settings as used, after the configuration file was resolved.

import type { Ipv4, Ipv4Network, Ipv4Range } from '../net/address.ts';

/** One upstream server. */
export interface DnsUpstream {
  readonly address: Ipv4;
  readonly port: number;
}

/** A record of the configuration, as written: its data is text in master-file form. */
export interface ConfiguredRecord {
  /** Fully qualified, lower case, without the final dot. */
  readonly name: string;
  readonly type: 'A' | 'CNAME' | 'TXT' | 'MX' | 'NS' | 'SRV' | 'PTR';
  readonly data: string;
  readonly ttl?: number | undefined;
}

export interface DnsConfig {
  /** Local addresses to listen on; empty: no DNS. */
  readonly listen: readonly Ipv4[];
  readonly listenPort: number;
  /** The forward zones this rack is authoritative for, lower case, without the final dot; the first is the default. */
  readonly domains: readonly string[];
  /** Networks whose reverse zones this rack is authoritative for. */
  readonly reverseNetworks: readonly Ipv4Network[];
  /** Dynamic ranges: every address of them has a computed name `a-b-c-d.domain`. */
  readonly generated: readonly { readonly range: Ipv4Range; readonly domain: string }[];
  readonly upstream: readonly DnsUpstream[];
  /** Zones that other servers know: asked instead of `upstream` for names at or below the domain (lower case, no final dot). */
  readonly forwardZones?: readonly { readonly domain: string; readonly upstream: readonly DnsUpstream[] }[] | undefined;
  readonly records: readonly ConfiguredRecord[];
  /** Who may ask at all: managed networks, loopback and what `allow_recursion` adds. Anyone else is REFUSED. */
  readonly clients: readonly Ipv4Network[];
  /** The rack's own addresses, which the zone's apex and its name server resolve to. */
  readonly selfAddresses: readonly Ipv4[];
  /** The rack's name, a label. */
  readonly selfName: string;
}
