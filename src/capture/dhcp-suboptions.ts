// Names of sub-options within DHCP options. Sources: RFC 3046 §3 and IANA's registry of relay agent sub-options; the PXE specification
// 2.1 §2.2; iPXE's own numbers (option 175).

import type { ShownType } from '../dhcp/wire/option-table.ts';
import { RELAY_SUBOPTION } from '../dhcp/wire/relay-agent.ts';

/** How a value is shown: like that of an option, or only by its length. */
export type ValueKind = ShownType | 'secret';

export interface SubOption {
  readonly label: string;
  readonly shown: ValueKind;
}

const rows = (shown: ValueKind, entries: Readonly<Record<number, string>>): [number, SubOption][] =>
  Object.entries(entries).map(([code, label]) => [Number(code), { label, shown }]);

/** Sub-options of option 82. */
export const RELAY_SUBOPTIONS: ReadonlyMap<number, SubOption> = new Map([
  ...rows('hex', {
    [RELAY_SUBOPTION.circuitId]: 'circuit id',
    [RELAY_SUBOPTION.remoteId]: 'remote id',
    4: 'DOCSIS device class',
    6: 'subscriber id',
    7: 'RADIUS attributes',
    8: 'authentication',
    9: 'vendor-specific',
    12: 'relay identifier',
    151: 'virtual subnet selection',
    152: 'virtual subnet selection control',
  }),
  ...rows('ip', {
    [RELAY_SUBOPTION.linkSelection]: 'link selection',
    [RELAY_SUBOPTION.serverIdentifierOverride]: 'server identifier override',
  }),
  ...rows('u8', { 10: 'relay agent flags' }),
  ...rows('u16', { 19: 'relay source port' }),
]);

/** Sub-options of option 43 from and for a PXE client. */
export const PXE_SUBOPTIONS: ReadonlyMap<number, SubOption> = new Map([
  ...rows('ip', { 1: 'multicast TFTP address', 7: 'discovery multicast address' }),
  ...rows('u16', { 2: 'multicast TFTP client port', 3: 'multicast TFTP server port' }),
  ...rows('u8', { 4: 'multicast TFTP timeout', 5: 'multicast TFTP delay', 6: 'discovery control' }),
  ...rows('hex', {
    8: 'boot servers',
    9: 'boot menu',
    10: 'menu prompt',
    11: 'multicast allocation',
    12: 'credential types',
    71: 'boot item',
  }),
]);

/** Sub-options of option 175. */
export const IPXE_SUBOPTIONS: ReadonlyMap<number, SubOption> = new Map([
  ...rows('u8', {
    1: 'priority',
    8: 'keep the SAN',
    9: 'skip the SAN boot',
    16: 'PXE extensions',
    17: 'has iSCSI',
    18: 'has AoE',
    19: 'has HTTP',
    20: 'has HTTPS',
    21: 'has TFTP',
    22: 'has FTP',
    23: 'has DNS',
    24: 'has bzImage',
    25: 'has multiboot',
    26: 'has SLAM',
    27: 'has SRP',
    32: 'has NBI',
    33: 'has PXE images',
    34: 'has ELF',
    35: 'has COMBOOT',
    36: 'has EFI',
    37: 'has FCoE',
    38: 'has VLAN',
    39: 'has menus',
    40: 'has SDI',
    41: 'has NFS',
    176: 'do not wait for proxy DHCP',
    189: 'BIOS drive',
  }),
  ...rows('text', { 85: 'syslog servers', 190: 'user name' }),
  ...rows('secret', { 92: 'private key', 191: 'password' }),
  ...rows('hex', { 91: 'certificate', 93: 'cross-signed certificates', 177: 'bus identifier', 235: 'version' }),
]);
