// The table of DHCP options. From it come the configuration's names and types, the labels of
// `replay`, and docs/reference/dhcp-options.md. Sources: IANA's registry of BOOTP and DHCP options,
// and the RFC that each row names; the PXE specification 2.1 §2.2 (128 to 135); iPXE's own numbers
// (175, 203). Names follow ISC and Kea.
//
// 1. A code has one row; a name or label belongs to one code.
// 2. Options of the protocol itself are `refusedOption`, with the reason or what to write instead.
// 3. A configurable row names its rule's source; illegal values are refused when written (`legal-values.ts`).
//
// To add an option, add a row here, or change it from `unnamed` to `namedOption`, and run
// `npm run docs`. Only if it needs more:
//
// - a rule of legal values: in `legal-values.ts`, and a case in `test/config/legal-options.test.ts`;
// - a new type of values: in `option-value.ts`;
// - a sample, if its type's is illegal for it: in OWN_SAMPLES of `test/dhcp/wire/option-table.test.ts`;
// - an option that the server itself reads: its code in OPTION of `options.ts`.

import { findNearestName } from '../../ground/nearest-name.ts';
import {
  anyNumberIn,
  ascendingFrom,
  from,
  HOST_NAME,
  type JudgedOption,
  type LegalValue,
  listOfNumbersIn,
  MACHINE_UUID,
  NO_DEFAULT_ROUTE,
  SIP_SERVERS,
  SIX_RD,
  SUBNET_MASK,
  URI,
} from './legal-values.ts';
import type { OptionType } from './option-value.ts';

interface OptionRow {
  readonly code: number;
  /** The name people read. */
  readonly label: string;
  readonly type: OptionType;
}

/** An option the configuration can name. */
interface NamedOption extends OptionRow, JudgedOption {
  readonly kind: 'named';
}

/** An option the configuration gives by code and type. */
interface UnnamedOption extends OptionRow {
  readonly kind: 'unnamed';
}

/** An option the configuration cannot give. */
interface RefusedOption extends OptionRow {
  readonly kind: 'refused';
  /** The reason, with an alternative if there is one. */
  readonly why: string;
}

type KnownOption = NamedOption | UnnamedOption | RefusedOption;

/** A row without its code. */
type Row = Omit<NamedOption, 'code'> | Omit<UnnamedOption, 'code'> | Omit<RefusedOption, 'code'>;

function namedOption(
  name: string,
  label: string,
  type: OptionType,
  source: string,
  more: { readonly legal?: LegalValue; readonly isVendors?: true } = {},
): Row {
  return { kind: 'named', name, label, type, source, ...more };
}

const unnamed = (label: string, type: OptionType): Row => ({ kind: 'unnamed', label, type });

const refusedOption = (label: string, type: OptionType, why: string): Row => ({ kind: 'refused', label, type, why });

const U8_MAX = 0xff;
const U16_MAX = 0xffff;
/** The smallest datagram every host must accept, and the smallest MTU (RFC 791 §3.2). */
const REASSEMBLY_MIN = 576;
const MTU_MIN = 68;

/**
 * Every known option, by code. A source is an RFC or a document in
 * `test/config/legal-options.test.ts`. Code 224 has no row: tests use it as an unknown option.
 */
const TABLE: Readonly<Record<number, Row>> = {
  0: refusedOption('pad', 'hex', 'it is padding, not an option'),
  1: namedOption('subnet-mask', 'subnet mask', 'ip', 'RFC 2132 §3.3', { legal: SUBNET_MASK }),
  2: namedOption('time-offset', 'time offset', 'i32', 'RFC 2132 §3.4'),
  3: namedOption('routers', 'router', 'ip-list', 'RFC 2132 §3.5'),
  4: namedOption('time-servers', 'time server', 'ip-list', 'RFC 2132 §3.6'),
  5: namedOption('ien116-name-servers', 'IEN 116 name server', 'ip-list', 'RFC 2132 §3.7'),
  6: namedOption('domain-name-servers', 'domain name server', 'ip-list', 'RFC 2132 §3.8'),
  7: namedOption('log-servers', 'log server', 'ip-list', 'RFC 2132 §3.9'),
  8: namedOption('cookie-servers', 'cookie server', 'ip-list', 'RFC 2132 §3.10'),
  9: namedOption('lpr-servers', 'LPR server', 'ip-list', 'RFC 2132 §3.11'),
  10: namedOption('impress-servers', 'Impress server', 'ip-list', 'RFC 2132 §3.12'),
  11: namedOption('resource-location-servers', 'resource location server', 'ip-list', 'RFC 2132 §3.13'),
  12: namedOption('host-name', 'host name', 'text', 'RFC 2132 §3.14', { legal: HOST_NAME }),
  13: namedOption('boot-size', 'boot file size in blocks', 'u16', 'RFC 2132 §3.15'),
  14: namedOption('merit-dump', 'merit dump file', 'text', 'RFC 2132 §3.16'),
  15: namedOption('domain-name', 'domain name', 'text', 'RFC 2132 §3.17'),
  16: namedOption('swap-server', 'swap server', 'ip', 'RFC 2132 §3.18'),
  17: namedOption('root-path', 'root path', 'text', 'RFC 2132 §3.19'),
  18: namedOption('extensions-path', 'extensions path', 'text', 'RFC 2132 §3.20'),
  19: namedOption('ip-forwarding', 'IP forwarding', 'bool', 'RFC 2132 §4.1'),
  20: namedOption('non-local-source-routing', 'non-local source routing', 'bool', 'RFC 2132 §4.2'),
  21: namedOption('policy-filter', 'policy filter', 'ip-pairs', 'RFC 2132 §4.3'),
  22: namedOption('max-datagram-reassembly', 'maximum datagram reassembly size', 'u16', 'RFC 2132 §4.4', {
    legal: from(REASSEMBLY_MIN, U16_MAX),
  }),
  23: namedOption('default-ip-ttl', 'default IP time to live', 'u8', 'RFC 2132 §4.5', { legal: from(1, U8_MAX) }),
  24: namedOption('path-mtu-aging-timeout', 'path MTU aging', 'u32', 'RFC 2132 §4.6'),
  25: namedOption('path-mtu-plateau-table', 'path MTU plateaus', 'u16-list', 'RFC 2132 §4.7', {
    legal: ascendingFrom(MTU_MIN),
  }),
  26: namedOption('interface-mtu', 'interface MTU', 'u16', 'RFC 2132 §5.1', { legal: from(MTU_MIN, U16_MAX) }),
  27: namedOption('all-subnets-local', 'all subnets local', 'bool', 'RFC 2132 §5.2'),
  28: namedOption('broadcast-address', 'broadcast address', 'ip', 'RFC 2132 §5.3'),
  29: namedOption('perform-mask-discovery', 'perform mask discovery', 'bool', 'RFC 2132 §5.4'),
  30: namedOption('mask-supplier', 'mask supplier', 'bool', 'RFC 2132 §5.5'),
  31: namedOption('router-discovery', 'perform router discovery', 'bool', 'RFC 2132 §5.6'),
  32: namedOption('router-solicitation-address', 'router solicitation address', 'ip', 'RFC 2132 §5.7'),
  33: namedOption('static-routes', 'static routes', 'ip-pairs', 'RFC 2132 §5.8', { legal: NO_DEFAULT_ROUTE }),
  34: namedOption('trailer-encapsulation', 'trailer encapsulation', 'bool', 'RFC 2132 §6.1'),
  35: namedOption('arp-cache-timeout', 'ARP cache timeout', 'u32', 'RFC 2132 §6.2'),
  36: namedOption('ieee802-3-encapsulation', 'Ethernet encapsulation, IEEE 802.3', 'bool', 'RFC 2132 §6.3'),
  37: namedOption('default-tcp-ttl', 'default TCP time to live', 'u8', 'RFC 2132 §7.1', { legal: from(1, U8_MAX) }),
  38: namedOption('tcp-keepalive-interval', 'TCP keepalive interval', 'u32', 'RFC 2132 §7.2'),
  39: namedOption('tcp-keepalive-garbage', 'TCP keepalive garbage', 'bool', 'RFC 2132 §7.3'),
  40: namedOption('nis-domain', 'NIS domain', 'text', 'RFC 2132 §8.1'),
  41: namedOption('nis-servers', 'NIS servers', 'ip-list', 'RFC 2132 §8.2'),
  42: namedOption('ntp-servers', 'NTP servers', 'ip-list', 'RFC 2132 §8.3'),
  43: namedOption('vendor-encapsulated-options', 'vendor-specific information', 'suboptions', 'RFC 2132 §8.4', {
    isVendors: true,
  }),
  44: namedOption('netbios-name-servers', 'NetBIOS name servers', 'ip-list', 'RFC 2132 §8.5'),
  45: namedOption('netbios-dd-servers', 'NetBIOS datagram servers', 'ip-list', 'RFC 2132 §8.6'),
  46: namedOption('netbios-node-type', 'NetBIOS node type', 'u8', 'RFC 2132 §8.7', { legal: anyNumberIn(1, 2, 4, 8) }),
  47: namedOption('netbios-scope', 'NetBIOS scope', 'text', 'RFC 2132 §8.8'),
  48: namedOption('font-servers', 'X font servers', 'ip-list', 'RFC 2132 §8.9'),
  49: namedOption('x-display-managers', 'X display managers', 'ip-list', 'RFC 2132 §8.10'),
  50: refusedOption('requested address', 'ip', 'only clients send it'),
  51: refusedOption('lease time', 'u32', 'lease_time sets it'),
  52: refusedOption('option overload', 'u8', 'it describes the layout of the message'),
  53: refusedOption('message type', 'u8', 'it is the type of the message'),
  54: refusedOption('server identifier', 'ip', "it is the rack's own address, `ip`"),
  55: refusedOption('parameter request list', 'hex', 'only clients send it'),
  56: refusedOption('message', 'text', 'only refusals carry it'),
  57: refusedOption('maximum message size', 'u16', 'only clients send it'),
  58: refusedOption('renewal time', 'u32', 't1 sets it'),
  59: refusedOption('rebinding time', 'u32', 't2 sets it'),
  60: namedOption('vendor-class-identifier', 'vendor class', 'text', 'RFC 2132 §9.13'),
  61: refusedOption('client identifier', 'hex', 'the rack echoes what the client sent'),
  62: unnamed('NetWare domain', 'text'),
  63: unnamed('NetWare information', 'hex'),
  64: namedOption('nisplus-domain', 'NIS+ domain', 'text', 'RFC 2132 §8.11'),
  65: namedOption('nisplus-servers', 'NIS+ servers', 'ip-list', 'RFC 2132 §8.12'),
  66: namedOption('tftp-server-name', 'TFTP server name', 'text', 'RFC 2132 §9.4'),
  67: namedOption('boot-file-name', 'boot file name', 'text', 'RFC 2132 §9.5'),
  68: namedOption('mobile-ip-home-agents', 'mobile IP home agents', 'ip-list', 'RFC 2132 §8.13'),
  69: namedOption('smtp-servers', 'SMTP servers', 'ip-list', 'RFC 2132 §8.14'),
  70: namedOption('pop-servers', 'POP3 servers', 'ip-list', 'RFC 2132 §8.15'),
  71: namedOption('nntp-servers', 'NNTP servers', 'ip-list', 'RFC 2132 §8.16'),
  72: namedOption('www-servers', 'WWW servers', 'ip-list', 'RFC 2132 §8.17'),
  73: namedOption('finger-servers', 'finger servers', 'ip-list', 'RFC 2132 §8.18'),
  74: namedOption('irc-servers', 'IRC servers', 'ip-list', 'RFC 2132 §8.19'),
  75: namedOption('streettalk-servers', 'StreetTalk servers', 'ip-list', 'RFC 2132 §8.20'),
  76: namedOption(
    'streettalk-directory-assistance-servers',
    'StreetTalk directory servers',
    'ip-list',
    'RFC 2132 §8.21',
  ),
  77: unnamed('user class', 'hex'),
  78: unnamed('SLP directory agent', 'hex'),
  79: unnamed('SLP service scope', 'hex'),
  80: unnamed('rapid commit', 'bool'),
  81: refusedOption('client FQDN', 'hex', 'it answers the name that the client sent'),
  82: refusedOption('relay agent information', 'hex', 'the rack echoes what the relay sent'),
  83: unnamed('iSNS', 'hex'),
  85: namedOption('nds-servers', 'NDS servers', 'ip-list', 'RFC 2241 §2'),
  86: namedOption('nds-tree-name', 'NDS tree', 'text', 'RFC 2241 §3'),
  87: namedOption('nds-context', 'NDS context', 'text', 'RFC 2241 §4'),
  90: refusedOption('authentication', 'hex', 'DHCP authentication is not supported'),
  91: unnamed('client last transaction', 'u32'),
  92: unnamed('associated addresses', 'ip-list'),
  93: namedOption('client-architecture', 'client architecture', 'u16-list', 'RFC 4578 §2.1'),
  94: unnamed('client network interface', 'hex'),
  97: namedOption('client-machine-identifier', 'client machine identifier', 'hex', 'RFC 4578 §2.3', {
    legal: MACHINE_UUID,
  }),
  98: unnamed('user authentication', 'hex'),
  99: unnamed('civic location', 'hex'),
  100: namedOption('posix-timezone', 'time zone, POSIX', 'text', 'RFC 4833 §2'),
  101: namedOption('tz-database-timezone', 'time zone, TZ database', 'text', 'RFC 4833 §2'),
  108: namedOption('ipv6-only-preferred', 'IPv6-only preferred', 'u32', 'RFC 8925 §3.1'),
  114: namedOption('captive-portal', 'captive portal', 'text', 'RFC 8910 §2.1', { legal: URI }),
  116: namedOption('auto-configure', 'auto-configure', 'u8', 'RFC 2563 §2', { legal: anyNumberIn(0, 1) }),
  // Codes of name service options; 0: the client's local naming.
  117: namedOption('name-service-search', 'name service search', 'u16-list', 'RFC 2937 §2', {
    legal: listOfNumbersIn(0, 6, 41, 44, 65),
  }),
  118: refusedOption('subnet selection', 'ip', 'the rack echoes what the client sent'),
  119: namedOption('domain-search', 'domain search', 'domain-list', 'RFC 3397 §2'),
  120: namedOption('sip-servers', 'SIP servers', 'hex', 'RFC 3361 §3', { legal: SIP_SERVERS }),
  121: namedOption('classless-static-routes', 'classless static routes', 'routes', 'RFC 3442'),
  122: unnamed('CableLabs client configuration', 'hex'),
  123: unnamed('geographic location', 'hex'),
  124: unnamed('vendor-identifying vendor class', 'hex'),
  125: namedOption('vendor-identifying-options', 'vendor-identifying information', 'vendor-identifying', 'RFC 3925 §4'),
  128: unnamed('PXE, vendor-specific (128)', 'hex'),
  129: unnamed('PXE, vendor-specific (129)', 'hex'),
  130: unnamed('PXE, vendor-specific (130)', 'hex'),
  131: unnamed('PXE, vendor-specific (131)', 'hex'),
  132: namedOption('vlan-id', 'VLAN id', 'u16', 'IEEE 802.1Q', { legal: from(0, 4094), isVendors: true }),
  133: namedOption('vlan-priority', 'VLAN priority', 'u8', 'IEEE 802.1Q', { legal: from(0, 7), isVendors: true }),
  134: unnamed('PXE, vendor-specific (134)', 'hex'),
  135: unnamed('PXE, vendor-specific (135)', 'hex'),
  138: namedOption('capwap-controllers', 'CAPWAP controllers', 'ip-list', 'RFC 5417 §2'),
  145: unnamed('forcerenew nonce capable', 'hex'),
  150: namedOption('tftp-server-addresses', 'TFTP server address', 'ip-list', 'RFC 5859 §2'),
  152: unnamed('base time', 'u32'),
  175: namedOption('ipxe-options', 'iPXE options', 'suboptions', 'iPXE', { isVendors: true }),
  177: unnamed('etherboot', 'hex'),
  203: unnamed('iPXE next server (settings)', 'hex'),
  208: unnamed('pxelinux magic', 'u32'),
  209: namedOption('pxelinux-config-file', 'pxelinux configuration file', 'text', 'RFC 5071 §4'),
  210: namedOption('pxelinux-path-prefix', 'pxelinux path prefix', 'text', 'RFC 5071 §5'),
  211: namedOption('pxelinux-reboot-time', 'pxelinux reboot time', 'u32', 'RFC 5071 §6'),
  212: namedOption('6rd', '6rd', 'hex', 'RFC 5969 §7.1.1', { legal: SIX_RD }),
  220: unnamed('subnet allocation', 'hex'),
  221: unnamed('virtual subnet selection', 'hex'),
  249: namedOption('ms-classless-static-routes', 'classless static routes (Microsoft)', 'routes', 'MS-DHCPE'),
  252: namedOption('web-proxy-auto-discovery', 'web proxy discovery', 'text', 'WPAD draft', { isVendors: true }),
  255: refusedOption('end', 'hex', 'it marks the end of the options'),
};

/** Every known option, by ascending code. */
export const KNOWN_OPTIONS: readonly KnownOption[] = Object.entries(TABLE).map(([code, row]) => ({
  code: Number(code),
  ...row,
}));

/** Every option that has a name, by ascending code. */
export const NAMED_OPTIONS: readonly NamedOption[] = KNOWN_OPTIONS.filter((row) => row.kind === 'named');

const BY_CODE: ReadonlyMap<number, KnownOption> = new Map(KNOWN_OPTIONS.map((row) => [row.code, row]));
const BY_NAME: ReadonlyMap<string, NamedOption> = new Map(NAMED_OPTIONS.map((row) => [row.name, row]));

/** Undefined: the option is unknown. */
export const findOption = (code: number): KnownOption | undefined => BY_CODE.get(code);

/** Undefined: the configuration must give its type. */
export function findNamedOption(code: number): NamedOption | undefined {
  const row = BY_CODE.get(code);
  return row?.kind === 'named' ? row : undefined;
}

export const findOptionByName = (name: string): NamedOption | undefined => BY_NAME.get(name);

/** Why this name cannot be configured: `option 51 cannot be configured: lease_time sets it`. */
export function refusedNameText(name: string): string | undefined {
  const wanted = name.toLowerCase().replace(/[-_\s]+/g, ' ');
  const row = KNOWN_OPTIONS.find((option) => option.kind === 'refused' && option.label.toLowerCase() === wanted);
  return row?.kind === 'refused' ? `option ${row.code} cannot be configured: ${row.why}` : undefined;
}

/** The name most similar to `text`, if any. */
export const suggestOptionName = (text: string): string | undefined =>
  findNearestName(
    text.toLowerCase().replace(/[_\s]+/g, '-'),
    NAMED_OPTIONS.map(({ name }) => name),
  );
