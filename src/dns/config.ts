// The resolved DNS settings.

import type { Ipv4, Ipv4Network, Ipv4Range } from '../ground/address.ts';

export interface DnsUpstream {
  readonly address: Ipv4;
  readonly port: number;
}

/** A configured record; its data is text in master-file form. */
export interface ConfiguredRecord {
  /** Lower case, without the final dot. */
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'TXT' | 'MX' | 'NS' | 'SRV' | 'SSHFP' | 'CAA' | 'PTR';
  readonly data: string;
  readonly ttl?: number | undefined;
}

export interface DnsConfig {
  /** Empty turns DNS off. */
  readonly listen: readonly Ipv4[];
  readonly listenPort: number;
  /** The forward zones, lower case, without the final dot; the first is the default. */
  readonly domains: readonly string[];
  /** Networks whose reverse zones are ours. */
  readonly reverseNetworks: readonly Ipv4Network[];
  /** Ranges with computed names `a-b-c-d.domain`. */
  readonly generated: readonly { readonly range: Ipv4Range; readonly domain: string }[];
  readonly upstream: readonly DnsUpstream[];
  /** Domains with their own upstreams, in place of `upstream` (lower case, no final dot). */
  readonly forwardZones?: readonly { readonly domain: string; readonly upstream: readonly DnsUpstream[] }[] | undefined;
  readonly records: readonly ConfiguredRecord[];
  /** Who may ask: managed networks, loopback and `allow_recursion`; others are REFUSED. */
  readonly clients: readonly Ipv4Network[];
  /** Each zone's apex and name server resolve to these. */
  readonly selfAddresses: readonly Ipv4[];
  /** The rack's name, one label. */
  readonly selfName: string;
}
