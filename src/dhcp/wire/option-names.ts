// The options that a configuration can name, with the type of their values, and those that it cannot give at all. Sources: RFC
// 2132 and IANA's registry of BOOTP and DHCP options; the names are those that ISC's and Kea's configurations use, where these
// have one.
//
// 1. A name means one code, a code at most one name.
// 2. What a reply is made of is nobody's to configure: those codes are refused with what to write instead.

import type { OptionType } from './option-value.ts';

/** An option that has a name. */
export interface NamedOption {
  readonly code: number;
  readonly name: string;
  readonly type: OptionType;
}

const rows = (type: OptionType, entries: Readonly<Record<number, string>>): readonly NamedOption[] =>
  Object.entries(entries).map(([code, name]) => ({ code: Number(code), name, type }));

/** Every option that has a name, by its code. */
export const NAMED_OPTIONS: readonly NamedOption[] = [
  ...rows('ip', {
    1: 'subnet-mask',
    16: 'swap-server',
    28: 'broadcast-address',
    32: 'router-solicitation-address',
  }),
  ...rows('ip-list', {
    3: 'routers',
    4: 'time-servers',
    5: 'ien116-name-servers',
    6: 'domain-name-servers',
    7: 'log-servers',
    8: 'cookie-servers',
    9: 'lpr-servers',
    10: 'impress-servers',
    11: 'resource-location-servers',
    41: 'nis-servers',
    42: 'ntp-servers',
    44: 'netbios-name-servers',
    45: 'netbios-dd-servers',
    48: 'font-servers',
    49: 'x-display-managers',
    65: 'nisplus-servers',
    68: 'mobile-ip-home-agents',
    69: 'smtp-servers',
    70: 'pop-servers',
    71: 'nntp-servers',
    72: 'www-servers',
    73: 'finger-servers',
    74: 'irc-servers',
    75: 'streettalk-servers',
    76: 'streettalk-directory-assistance-servers',
    85: 'nds-servers',
    138: 'capwap-controllers',
    150: 'tftp-server-addresses',
  }),
  ...rows('ip-pairs', { 21: 'policy-filter', 33: 'static-routes' }),
  ...rows('text', {
    12: 'host-name',
    14: 'merit-dump',
    15: 'domain-name',
    17: 'root-path',
    18: 'extensions-path',
    40: 'nis-domain',
    47: 'netbios-scope',
    60: 'vendor-class-identifier',
    64: 'nisplus-domain',
    66: 'tftp-server-name',
    67: 'boot-file-name',
    86: 'nds-tree-name',
    87: 'nds-context',
    100: 'posix-timezone',
    101: 'tz-database-timezone',
    114: 'captive-portal',
    209: 'pxelinux-config-file',
    210: 'pxelinux-path-prefix',
    252: 'web-proxy-auto-discovery',
  }),
  ...rows('u8', {
    23: 'default-ip-ttl',
    37: 'default-tcp-ttl',
    46: 'netbios-node-type',
    116: 'auto-configure',
    133: 'vlan-priority',
  }),
  ...rows('u16', { 13: 'boot-size', 22: 'max-datagram-reassembly', 26: 'interface-mtu', 132: 'vlan-id' }),
  ...rows('u32', {
    24: 'path-mtu-aging-timeout',
    35: 'arp-cache-timeout',
    38: 'tcp-keepalive-interval',
    108: 'ipv6-only-preferred',
    211: 'pxelinux-reboot-time',
  }),
  ...rows('i32', { 2: 'time-offset' }),
  ...rows('bool', {
    19: 'ip-forwarding',
    20: 'non-local-source-routing',
    27: 'all-subnets-local',
    29: 'perform-mask-discovery',
    30: 'mask-supplier',
    31: 'router-discovery',
    34: 'trailer-encapsulation',
    36: 'ieee802-3-encapsulation',
    39: 'tcp-keepalive-garbage',
  }),
  ...rows('u16-list', { 25: 'path-mtu-plateau-table', 93: 'client-architecture', 117: 'name-service-search' }),
  ...rows('hex', { 97: 'client-machine-identifier', 120: 'sip-servers', 212: '6rd' }),
  ...rows('domain-list', { 119: 'domain-search' }),
  ...rows('routes', { 121: 'classless-static-routes', 249: 'ms-classless-static-routes' }),
  ...rows('suboptions', { 43: 'vendor-encapsulated-options', 175: 'ipxe-options' }),
  ...rows('vendor-identifying', { 125: 'vendor-identifying-options' }),
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
  [82, 'it goes back to the relay as it came'],
  [90, 'no message is authenticated'],
  [118, 'it goes back to the client as it came'],
  [255, 'it is the end of the options'],
]);

/** Names further from what was written than this are no suggestion. */
const SUGGESTION_EDITS_MAX = 6;
/** Longer words are not compared. */
const COMPARED_CHARACTERS_MAX = 64;

/** The name that is most like `text`; undefined: none is. */
export function suggestOptionName(text: string): string | undefined {
  const wanted = text
    .toLowerCase()
    .replace(/[_\s]+/g, '-')
    .slice(0, COMPARED_CHARACTERS_MAX);
  const longer = NAMED_OPTIONS.map(({ name }) => name).filter((name) => wanted.length > 2 && name.includes(wanted));
  const begun = longer.filter((name) => name.startsWith(wanted)).toSorted((a, b) => a.length - b.length)[0];
  if (begun !== undefined) return begun;
  const ranked = NAMED_OPTIONS.map(({ name }) => ({ name, edits: editsBetween(wanted, name) })).toSorted(
    (a, b) => a.edits - b.edits,
  );
  const [nearest] = ranked;
  if (nearest === undefined) return undefined;
  if (nearest.edits <= Math.min(SUGGESTION_EDITS_MAX, wanted.length / 3)) return nearest.name;
  return longer[0];
}

/** How many characters have to be put in, taken out or changed to make `b` of `a`. */
function editsBetween(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const change = (before[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(change, (before[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    before = current;
  }
  return before[b.length] ?? 0;
}
