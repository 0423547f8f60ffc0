// DHCP options by name and kind of value. Sources: IANA's registry of BOOTP and DHCP options; RFC 2132, 3004, 3046, 3397, 3442, 4578,
// 3925, 5071, 5107, 6225, 8910; the PXE specification 2.1 §2.2; iPXE's own numbers (option 175).

/** How a value is written. */
export type ValueKind =
  | 'address'
  | 'addresses'
  | 'address-pairs'
  | 'text'
  | 'u8'
  | 'u16'
  | 'u32'
  | 'i32'
  | 'seconds'
  | 'flag'
  | 'u16-list'
  | 'codes'
  | 'bytes'
  | 'names'
  | 'routes'
  | 'message-type'
  | 'overload'
  | 'client-id'
  | 'user-class'
  | 'architectures'
  | 'undi'
  | 'uuid'
  | 'fqdn'
  | 'relay'
  | 'vendor'
  | 'vendor-identifying'
  | 'ipxe'
  | 'secret';

export interface OptionRow {
  readonly name: string;
  readonly kind: ValueKind;
}

const rows = (kind: ValueKind, entries: Readonly<Record<number, string>>): [number, OptionRow][] =>
  Object.entries(entries).map(([code, name]) => [Number(code), { name, kind }]);

/** Options of messages. */
export const DHCP_OPTIONS: ReadonlyMap<number, OptionRow> = new Map([
  ...rows('address', {
    1: 'subnet mask',
    16: 'swap server',
    28: 'broadcast address',
    32: 'router solicitation address',
    50: 'requested address',
    54: 'server identifier',
    91: 'client last transaction',
    118: 'subnet selection',
  }),
  ...rows('addresses', {
    3: 'router',
    4: 'time server',
    5: 'IEN 116 name server',
    6: 'domain name server',
    7: 'log server',
    8: 'cookie server',
    9: 'LPR server',
    10: 'Impress server',
    11: 'resource location server',
    41: 'NIS servers',
    42: 'NTP servers',
    44: 'NetBIOS name servers',
    45: 'NetBIOS datagram servers',
    48: 'X font servers',
    49: 'X display managers',
    65: 'NIS+ servers',
    68: 'mobile IP home agents',
    69: 'SMTP servers',
    70: 'POP3 servers',
    71: 'NNTP servers',
    72: 'WWW servers',
    73: 'finger servers',
    74: 'IRC servers',
    75: 'StreetTalk servers',
    76: 'StreetTalk directory servers',
    85: 'NDS servers',
    92: 'associated addresses',
    138: 'CAPWAP controllers',
    150: 'TFTP server address',
  }),
  ...rows('address-pairs', { 21: 'policy filter', 33: 'static routes' }),
  ...rows('text', {
    12: 'host name',
    14: 'merit dump file',
    15: 'domain name',
    17: 'root path',
    18: 'extensions path',
    40: 'NIS domain',
    47: 'NetBIOS scope',
    56: 'message',
    60: 'vendor class',
    62: 'NetWare domain',
    64: 'NIS+ domain',
    66: 'TFTP server name',
    67: 'boot file name',
    86: 'NDS tree',
    87: 'NDS context',
    100: 'time zone, POSIX',
    101: 'time zone, TZ database',
    114: 'captive portal',
    209: 'pxelinux configuration file',
    210: 'pxelinux path prefix',
    252: 'web proxy discovery',
  }),
  ...rows('u8', {
    23: 'default IP time to live',
    37: 'default TCP time to live',
    46: 'NetBIOS node type',
    116: 'auto-configure',
  }),
  ...rows('u16', {
    13: 'boot file size in blocks',
    22: 'maximum datagram reassembly size',
    26: 'interface MTU',
    57: 'maximum message size',
  }),
  ...rows('u32', { 208: 'pxelinux magic' }),
  ...rows('i32', { 2: 'time offset' }),
  ...rows('seconds', {
    24: 'path MTU aging',
    35: 'ARP cache timeout',
    38: 'TCP keepalive interval',
    51: 'lease time',
    58: 'renewal time',
    59: 'rebinding time',
    108: 'IPv6-only preferred',
    152: 'base time',
    211: 'pxelinux reboot time',
  }),
  ...rows('flag', {
    19: 'IP forwarding',
    20: 'non-local source routing',
    27: 'all subnets local',
    29: 'perform mask discovery',
    30: 'mask supplier',
    31: 'perform router discovery',
    34: 'trailer encapsulation',
    36: 'Ethernet encapsulation, IEEE 802.3',
    39: 'TCP keepalive garbage',
    80: 'rapid commit',
  }),
  ...rows('u16-list', { 25: 'path MTU plateaus', 117: 'name service search' }),
  ...rows('codes', { 55: 'parameter request list' }),
  ...rows('names', { 119: 'domain search' }),
  ...rows('routes', { 121: 'classless static routes', 249: 'classless static routes (Microsoft)' }),
  ...rows('message-type', { 53: 'message type' }),
  ...rows('overload', { 52: 'option overload' }),
  ...rows('client-id', { 61: 'client identifier' }),
  ...rows('user-class', { 77: 'user class' }),
  ...rows('architectures', { 93: 'client architecture' }),
  ...rows('undi', { 94: 'client network interface' }),
  ...rows('uuid', { 97: 'client machine identifier' }),
  ...rows('fqdn', { 81: 'client FQDN' }),
  ...rows('relay', { 82: 'relay agent information' }),
  ...rows('vendor', { 43: 'vendor-specific information' }),
  ...rows('vendor-identifying', { 125: 'vendor-identifying information' }),
  ...rows('ipxe', { 175: 'iPXE options' }),
  ...rows('bytes', {
    63: 'NetWare information',
    78: 'SLP directory agent',
    79: 'SLP service scope',
    83: 'iSNS',
    90: 'authentication',
    98: 'user authentication',
    99: 'civic location',
    120: 'SIP servers',
    122: 'CableLabs client configuration',
    123: 'geographic location',
    124: 'vendor-identifying vendor class',
    128: 'PXE, vendor-specific (128)',
    129: 'PXE, vendor-specific (129)',
    130: 'PXE, vendor-specific (130)',
    131: 'PXE, vendor-specific (131)',
    132: 'PXE, vendor-specific (132)',
    133: 'PXE, vendor-specific (133)',
    134: 'PXE, vendor-specific (134)',
    135: 'PXE, vendor-specific (135)',
    145: 'forcerenew nonce capable',
    177: 'etherboot',
    203: 'iPXE next server (settings)',
    212: '6rd',
    220: 'subnet allocation',
    221: 'virtual subnet selection',
  }),
]);

/** Sub-options of 82. */
export const RELAY_SUBOPTIONS: ReadonlyMap<number, OptionRow> = new Map([
  ...rows('bytes', {
    1: 'circuit id',
    2: 'remote id',
    4: 'DOCSIS device class',
    6: 'subscriber id',
    7: 'RADIUS attributes',
    8: 'authentication',
    9: 'vendor-specific',
    12: 'relay identifier',
    151: 'virtual subnet selection',
    152: 'virtual subnet selection control',
  }),
  ...rows('address', { 5: 'link selection', 11: 'server identifier override' }),
  ...rows('u8', { 10: 'relay agent flags' }),
  ...rows('u16', { 19: 'relay source port' }),
]);

/** Sub-options of 43 of and for a PXE client. */
export const PXE_SUBOPTIONS: ReadonlyMap<number, OptionRow> = new Map([
  ...rows('address', { 1: 'multicast TFTP address', 7: 'discovery multicast address' }),
  ...rows('u16', { 2: 'multicast TFTP client port', 3: 'multicast TFTP server port' }),
  ...rows('u8', { 4: 'multicast TFTP timeout', 5: 'multicast TFTP delay', 6: 'discovery control' }),
  ...rows('bytes', {
    8: 'boot servers',
    9: 'boot menu',
    10: 'menu prompt',
    11: 'multicast allocation',
    12: 'credential types',
    71: 'boot item',
  }),
]);

/** Sub-options of 175. */
export const IPXE_SUBOPTIONS: ReadonlyMap<number, OptionRow> = new Map([
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
  ...rows('bytes', { 91: 'certificate', 93: 'cross-signed certificates', 177: 'bus identifier', 235: 'version' }),
]);

/** Values of option 93 (RFC 4578 §2.1 and IANA's registry of processor architecture types). */
export const ARCHITECTURE_NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'BIOS'],
  [1, 'NEC PC-98'],
  [2, 'UEFI Itanium'],
  [3, 'DEC Alpha'],
  [4, 'Arc x86'],
  [5, 'Intel Lean Client'],
  [6, 'UEFI i386'],
  [7, 'UEFI amd64'],
  [8, 'UEFI XScale'],
  [9, 'UEFI byte code'],
  [10, 'UEFI arm'],
  [11, 'UEFI arm64'],
  [12, 'PowerPC Open Firmware'],
  [13, 'PowerPC ePAPR'],
  [14, 'PowerPC OPAL'],
  [15, 'UEFI i386, HTTP'],
  [16, 'UEFI amd64, HTTP'],
  [17, 'UEFI byte code, HTTP'],
  [18, 'UEFI arm, HTTP'],
  [19, 'UEFI arm64, HTTP'],
  [20, 'BIOS, HTTP'],
  [25, 'UEFI RISC-V 32'],
  [26, 'UEFI RISC-V 32, HTTP'],
  [27, 'UEFI RISC-V 64'],
  [28, 'UEFI RISC-V 64, HTTP'],
]);
