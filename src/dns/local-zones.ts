// The zones that end here: names that mean something only here, or nothing anywhere. Asking an
// upstream would tell others about the site. Pure.
//
// Sources: RFC 6303 §3, §4 and IANA's registry of locally served zones; the registry of special-use
// domain names.
//
// 1. The site's own zones come first, and its own names are found in these too, but a part that
//    `dns.forward_zones` names is not served.
// 2. Each zone holds its SOA and NS and the site's own names, so a negative answer carries an SOA
//    (RFC 6303 §3). Deviates from RFC 6303 §3, which gives negative answers three hours, because a
//    record or `dns.forward_zones` may name any of these tomorrow.
// 3. A zone's DS records belong to its parent (RFC 4035 §3.1.4.1) and are asked upstream: a
//    validating client needs the proof that the zone is not signed. So only the addresses of a
//    one-label name are refused here, not the NS, SOA or DNSKEY of a top-level domain.

import type { DnsConfig } from './config.ts';
import { isNameWithin, labelEnd } from './name.ts';
import { CLASS_IN, nameRdata, TYPE } from './record.ts';
import { RECORD_TTL, type Zone } from './zones.ts';

const DS = 43;
const DNSKEY = 48;
/** The types by which the root describes a top-level domain. */
const DELEGATION_TYPES: ReadonlySet<number> = new Set([TYPE.NS, TYPE.SOA, DS, DNSKEY]);

const octets = (from: number, to: number, below: string): readonly string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `${from + index}.${below}`);
const zeros = (count: number): string => '0.'.repeat(count);

const ZONES: readonly string[] = [
  // RFC 6303 §4.1: private addresses.
  '10.in-addr.arpa',
  ...octets(16, 31, '172.in-addr.arpa'),
  '168.192.in-addr.arpa',
  // RFC 6303 §4.2: this network, loopback, link-local, documentation, broadcast.
  '0.in-addr.arpa',
  '127.in-addr.arpa',
  '254.169.in-addr.arpa',
  '255.255.255.255.in-addr.arpa',
  '2.0.192.in-addr.arpa',
  '100.51.198.in-addr.arpa',
  '113.0.203.in-addr.arpa',
  // RFC 6303 §4.3 to §4.6: unspecified, loopback, unique local, link-local, documentation.
  `${zeros(32)}ip6.arpa`,
  `1.${zeros(31)}ip6.arpa`,
  'd.f.ip6.arpa',
  '8.e.f.ip6.arpa',
  '9.e.f.ip6.arpa',
  'a.e.f.ip6.arpa',
  'b.e.f.ip6.arpa',
  '8.b.d.0.1.0.0.2.ip6.arpa',
  // RFC 7793: shared addresses of carriers.
  ...octets(64, 127, '100.in-addr.arpa'),
  // RFC 6761 §6.2 to §6.4. Its example names (§6.5) are ordinary.
  'test',
  'localhost',
  'invalid',
  'local', // RFC 6762 §22.1
  'onion', // RFC 7686 §2
  'home.arpa', // RFC 8375 §4
  'resolver.arpa', // RFC 9462 §4, §6.1
  'alt', // RFC 9476
  'default.service.arpa', // RFC 9665
  'internal', // ICANN's resolution 2024.07.29.06
];
/**
 * Zones in which every name exists. RFC 9462 §4: NODATA means no designated resolver. RFC 6761
 * §6.3: all names below localhost have its addresses.
 */
const ALL_EXIST: ReadonlySet<string> = new Set(['resolver.arpa', 'localhost']);

const makeZone = (apex: string): Zone => ({
  apex,
  kind: 'local',
  covers: undefined,
  mname: apex,
  rname: 'nobody.invalid',
  nameServer: { name: apex, type: TYPE.NS, class: CLASS_IN, ttl: RECORD_TTL, rdata: nameRdata(apex) },
  ...(ALL_EXIST.has(apex) ? { allExist: true } : {}),
});

const LOCAL: readonly Zone[] = ZONES.map(makeZone);
/** One-label names, which nobody outside a site has (IAB, "Dotless Domains Considered Harmful"). */
const ONE_LABEL: Zone = makeZone('');

/** The zones that end here under one configuration. */
export class LocalZones {
  readonly #zones: ReadonlyMap<string, Zone>;
  readonly #forwarded: ReadonlySet<string>;

  constructor(forwardZones: DnsConfig['forwardZones'] = []) {
    const forwarded = forwardZones.map(({ domain }) => domain).filter((domain) => domain !== '');
    const served = LOCAL.filter(({ apex }) => !forwarded.some((domain) => isNameWithin(apex, domain)));
    this.#zones = new Map(served.map((zone) => [zone.apex, zone]));
    this.#forwarded = new Set(forwarded);
  }

  /** The zone that answers here; `undefined` if the upstreams may be asked. */
  find(name: string, type: number): Zone | undefined {
    for (let at = 0; at < name.length; at = labelEnd(name, at) + 1) {
      const suffix = at === 0 ? name : name.slice(at);
      if (this.#forwarded.has(suffix)) return undefined;
      const zone = this.#zones.get(suffix);
      if (zone !== undefined) return type === DS && at === 0 ? undefined : zone;
    }
    const hasOneLabel = name !== '' && labelEnd(name, 0) === name.length;
    return hasOneLabel && !DELEGATION_TYPES.has(type) ? ONE_LABEL : undefined;
  }
}
