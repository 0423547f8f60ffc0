// The options that a configuration can name, with the type of their values, and those that it cannot give at all. Sources: RFC
// 2132 and IANA's registry of BOOTP and DHCP options; the names are those that ISC's and Kea's configurations use, where these
// have one.
//
// 1. A name means one code, a code at most one name.
// 2. What a reply is made of is nobody's to configure: those codes are refused with what to write instead.
// 3. Each row says where its rule stands; what of its type is not legal is refused when it is written (`legal-values.ts`).

import { nearestName } from '../../nearest-name.ts';
import {
  ascendingFrom,
  eachOf,
  from,
  HOST_NAME,
  type JudgedOption,
  type LegalValue,
  MACHINE_UUID,
  NO_DEFAULT_ROUTE,
  oneOf,
  SIP_SERVERS,
  SIX_RD,
  SUBNET_MASK,
  URI,
} from './legal-values.ts';
import type { OptionType } from './option-value.ts';

/** An option that has a name. */
export interface NamedOption extends JudgedOption {
  readonly code: number;
  readonly name: string;
  readonly type: OptionType;
  /** The RFC and section that say what it holds. */
  readonly source: string;
  /** What of its type is legal; undefined: everything. */
  readonly legal?: LegalValue | undefined;
}

/** A name, the section of the source it is said in, and what is legal. */
type Entry = readonly [name: string, section: string, legal?: LegalValue];

function rows(source: string, type: OptionType, entries: Readonly<Record<number, Entry>>): readonly NamedOption[] {
  return Object.entries(entries).map(([code, [name, section, legal]]) => {
    const place = section === '' ? source : `${source} §${section}`;
    return { code: Number(code), name, type, source: place, legal };
  });
}

const U8_MAX = 0xff;
const U16_MAX = 0xffff;
/** The smallest datagram that each host takes, and the smallest MTU (RFC 791 §3.2). */
const REASSEMBLY_MIN = 576;
const MTU_MIN = 68;

/** Every option that has a name, by its code. */
export const NAMED_OPTIONS: readonly NamedOption[] = [
  ...rows('RFC 2132', 'ip', {
    1: ['subnet-mask', '3.3', SUBNET_MASK],
    16: ['swap-server', '3.18'],
    28: ['broadcast-address', '5.3'],
    32: ['router-solicitation-address', '5.7'],
  }),
  ...rows('RFC 2132', 'ip-list', {
    3: ['routers', '3.5'],
    4: ['time-servers', '3.6'],
    5: ['ien116-name-servers', '3.7'],
    6: ['domain-name-servers', '3.8'],
    7: ['log-servers', '3.9'],
    8: ['cookie-servers', '3.10'],
    9: ['lpr-servers', '3.11'],
    10: ['impress-servers', '3.12'],
    11: ['resource-location-servers', '3.13'],
    41: ['nis-servers', '8.2'],
    42: ['ntp-servers', '8.3'],
    44: ['netbios-name-servers', '8.5'],
    45: ['netbios-dd-servers', '8.6'],
    48: ['font-servers', '8.9'],
    49: ['x-display-managers', '8.10'],
    65: ['nisplus-servers', '8.12'],
    68: ['mobile-ip-home-agents', '8.13'],
    69: ['smtp-servers', '8.14'],
    70: ['pop-servers', '8.15'],
    71: ['nntp-servers', '8.16'],
    72: ['www-servers', '8.17'],
    73: ['finger-servers', '8.18'],
    74: ['irc-servers', '8.19'],
    75: ['streettalk-servers', '8.20'],
    76: ['streettalk-directory-assistance-servers', '8.21'],
  }),
  ...rows('RFC 2241', 'ip-list', { 85: ['nds-servers', '2'] }),
  ...rows('RFC 5417', 'ip-list', { 138: ['capwap-controllers', '2'] }),
  ...rows('RFC 5859', 'ip-list', { 150: ['tftp-server-addresses', '2'] }),
  ...rows('RFC 2132', 'ip-pairs', {
    21: ['policy-filter', '4.3'],
    33: ['static-routes', '5.8', NO_DEFAULT_ROUTE],
  }),
  ...rows('RFC 2132', 'text', {
    12: ['host-name', '3.14', HOST_NAME],
    14: ['merit-dump', '3.16'],
    15: ['domain-name', '3.17'],
    17: ['root-path', '3.19'],
    18: ['extensions-path', '3.20'],
    40: ['nis-domain', '8.1'],
    47: ['netbios-scope', '8.8'],
    60: ['vendor-class-identifier', '9.13'],
    64: ['nisplus-domain', '8.11'],
    66: ['tftp-server-name', '9.4'],
    67: ['boot-file-name', '9.5'],
  }),
  ...rows('RFC 2241', 'text', { 86: ['nds-tree-name', '3'], 87: ['nds-context', '4'] }),
  ...rows('RFC 4833', 'text', { 100: ['posix-timezone', '2'], 101: ['tz-database-timezone', '2'] }),
  ...rows('RFC 8910', 'text', { 114: ['captive-portal', '2.1', URI] }),
  ...rows('RFC 5071', 'text', { 209: ['pxelinux-config-file', '5'], 210: ['pxelinux-path-prefix', '5'] }),
  ...rows('WPAD draft', 'text', { 252: ['web-proxy-auto-discovery', ''] }),
  ...rows('RFC 2132', 'u8', {
    23: ['default-ip-ttl', '4.5', from(1, U8_MAX)],
    37: ['default-tcp-ttl', '7.1', from(1, U8_MAX)],
    46: ['netbios-node-type', '8.7', oneOf(1, 2, 4, 8)],
  }),
  ...rows('RFC 2563', 'u8', { 116: ['auto-configure', '2', oneOf(0, 1)] }),
  ...rows('IEEE 802.1Q', 'u8', { 133: ['vlan-priority', '', from(0, 7)] }),
  ...rows('RFC 2132', 'u16', {
    13: ['boot-size', '3.15'],
    22: ['max-datagram-reassembly', '4.4', from(REASSEMBLY_MIN, U16_MAX)],
    26: ['interface-mtu', '5.1', from(MTU_MIN, U16_MAX)],
  }),
  ...rows('IEEE 802.1Q', 'u16', { 132: ['vlan-id', '', from(0, 4094)] }),
  ...rows('RFC 2132', 'u32', {
    24: ['path-mtu-aging-timeout', '4.6'],
    35: ['arp-cache-timeout', '6.2'],
    38: ['tcp-keepalive-interval', '7.2'],
  }),
  ...rows('RFC 8925', 'u32', { 108: ['ipv6-only-preferred', '3.1'] }),
  ...rows('RFC 5071', 'u32', { 211: ['pxelinux-reboot-time', '6'] }),
  ...rows('RFC 2132', 'i32', { 2: ['time-offset', '3.4'] }),
  ...rows('RFC 2132', 'bool', {
    19: ['ip-forwarding', '4.1'],
    20: ['non-local-source-routing', '4.2'],
    27: ['all-subnets-local', '5.2'],
    29: ['perform-mask-discovery', '5.4'],
    30: ['mask-supplier', '5.5'],
    31: ['router-discovery', '5.6'],
    34: ['trailer-encapsulation', '6.1'],
    36: ['ieee802-3-encapsulation', '6.3'],
    39: ['tcp-keepalive-garbage', '7.3'],
  }),
  ...rows('RFC 2132', 'u16-list', { 25: ['path-mtu-plateau-table', '4.7', ascendingFrom(MTU_MIN)] }),
  ...rows('RFC 4578', 'u16-list', { 93: ['client-architecture', '2.1'] }),
  // Of the name services that have an option, and 0 for what the client knows by itself.
  ...rows('RFC 2937', 'u16-list', { 117: ['name-service-search', '2', eachOf(0, 6, 41, 44, 65)] }),
  ...rows('RFC 4578', 'hex', { 97: ['client-machine-identifier', '2.3', MACHINE_UUID] }),
  ...rows('RFC 3361', 'hex', { 120: ['sip-servers', '3', SIP_SERVERS] }),
  ...rows('RFC 5969', 'hex', { 212: ['6rd', '7.1.1', SIX_RD] }),
  ...rows('RFC 3397', 'domain-list', { 119: ['domain-search', '2'] }),
  ...rows('RFC 3442', 'routes', { 121: ['classless-static-routes', ''] }),
  ...rows('MS-DHCPE', 'routes', { 249: ['ms-classless-static-routes', ''] }),
  ...rows('RFC 2132', 'suboptions', { 43: ['vendor-encapsulated-options', '8.4'] }),
  ...rows('iPXE', 'suboptions', { 175: ['ipxe-options', ''] }),
  ...rows('RFC 3925', 'vendor-identifying', { 125: ['vendor-identifying-options', '4'] }),
].toSorted((a, b) => a.code - b.code);

const BY_CODE: ReadonlyMap<number, NamedOption> = new Map(NAMED_OPTIONS.map((row) => [row.code, row]));
const BY_NAME: ReadonlyMap<string, NamedOption> = new Map(NAMED_OPTIONS.map((row) => [row.name, row]));

/** The row of a code; undefined: it has no name here, and its type must be said. */
export const findNamedOption = (code: number): NamedOption | undefined => BY_CODE.get(code);

/** The row of a name; undefined: no option is called so. */
export const findOptionByName = (name: string): NamedOption | undefined => BY_NAME.get(name);

/** Codes that no configuration gives, each with what to do instead. */
export const REFUSED_OPTIONS: ReadonlyMap<number, string> = new Map([
  [0, 'it is padding, no option'],
  [50, 'only a client says it'],
  [51, 'the lease time is lease_time'],
  [52, 'it says how the message is laid out'],
  [53, 'it says what the message is'],
  [54, "it is the rack's own address, `ip`"],
  [55, 'only a client says it'],
  [56, 'it goes with a refusal'],
  [57, 'only a client says it'],
  [58, 'the renewal time is t1'],
  [59, 'the rebinding time is t2'],
  [61, 'it goes back to the client as it came'],
  [81, 'it answers what the client says of its name'],
  [82, 'it goes back to the relay as it came'],
  [90, 'no message is authenticated'],
  [118, 'it goes back to the client as it came'],
  [255, 'it is the end of the options'],
]);

/** The name that is most like `text`; undefined: none is. */
export const suggestOptionName = (text: string): string | undefined =>
  nearestName(
    text.toLowerCase().replace(/[_\s]+/g, '-'),
    NAMED_OPTIONS.map(({ name }) => name),
  );
