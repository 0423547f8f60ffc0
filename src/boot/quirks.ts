// What some firmware needs otherwise than the standards say: each quirk with the firmware's name, how that firmware is recognised, and
// what is done for it. Quirks of everybody are where they matter, marked `Quirk:`; here are those of one kind of machine.
//
// Sources: the IEEE's register of address prefixes; Raspberry Pi's documentation of its boot ROM and bootloader (PXE_OPTION43);
// the PXE specification 2.1 §2.4 for the tags of option 43; the IANA registry "Processor Architecture Types"; EDK2's PxeBcDhcp4.c.
//
// 1. What the operator says of a machine (`boot.quirks`) comes before this table, the longest prefix of its address first; `none`
//    switches the table off for it.
// 2. A machine has one quirk at the most.
// 3. Finding it costs one look-up by address prefix, whatever the size of the table.

import type { MacAddress } from '../net/address.ts';
import type { BootClient } from './client.ts';

/**
 * How a client in proxy mode hears of its boot file.
 *
 * - `boot-file`: in the offer, with the word to look for no boot server (PXE 2.1 §2.4, tag 6 with bit 3).
 * - `binl`: not in the offer; the client asks port 4011 (EDK2: an offer with option 60 and no usable option 43 is one of BINL).
 */
export type ProxyReply = 'boot-file' | 'binl';

/** What is done otherwise for a machine. */
export interface QuirkEffects {
  /** What the machine is, whatever it says of itself: a number of option 93. */
  readonly architecture?: number;
  /** The loader, unless `boot.loaders` names one for the architecture. */
  readonly loader?: string;
  /** Option 43 of each reply, also of a server that gives addresses; with it goes option 60 `PXEClient`. */
  readonly vendorOptions?: Uint8Array;
  /** How it hears of its boot file in proxy mode. */
  readonly proxyReply?: ProxyReply;
  /** It is told no prefix (option 210): what it loads next it asks by TFTP. */
  readonly plainTftp?: boolean;
}

/** A peculiarity of a firmware. */
export interface Quirk {
  readonly name: QuirkName;
  /** Whose it is. */
  readonly firmware: string;
  /** What it does, and what is done about it. */
  readonly explanation: string;
  readonly effects: QuirkEffects;
}

/** The names that `boot.quirks` may say. */
export const QUIRK_NAMES = ['raspberry-pi', 'boot-server', 'plain-tftp', 'none'] as const;
export type QuirkName = (typeof QUIRK_NAMES)[number];

/** The text by which Raspberry Pi's ROM takes an offer; it is looked for anywhere in option 43. */
const PI_TEXT = 'Raspberry Pi Boot';
/**
 * PXE tags, as that ROM has been offered them since it exists: 6, discovery control 3 (no broadcast and no multicast discovery);
 * 10, a menu prompt that waits 0 s; 9, a menu of one entry (type 0) with the text.
 */
const PI_OPTIONS = Uint8Array.of(
  ...[6, 1, 3],
  ...[10, 4, 0, ...Buffer.from('PXE')],
  ...[9, 3 + PI_TEXT.length, 0, 0, PI_TEXT.length, ...Buffer.from(PI_TEXT)],
  255,
);
/** "arm rpiboot" (IANA). */
export const RASPBERRY_PI = 41;

export const QUIRKS: Readonly<Record<QuirkName, Quirk>> = {
  'raspberry-pi': {
    name: 'raspberry-pi',
    firmware: 'Raspberry Pi boot ROM and bootloader',
    explanation:
      'It says that it is a BIOS machine (architecture 0), takes only an offer whose option 43 says Raspberry Pi Boot, and then asks the ' +
      'boot server by TFTP for its own files, whatever the boot file is called. It is taken for architecture 41 and is never given a ' +
      'loader of x86; its files have to be put into the boot tree, an UEFI for it among them if it is to enlist.',
    effects: { architecture: RASPBERRY_PI, loader: 'bootcode.bin', vendorOptions: PI_OPTIONS },
  },
  'boot-server': {
    name: 'boot-server',
    firmware: 'UEFI that takes no boot file from an offer without an address',
    explanation:
      'In proxy mode it is offered no boot file but a boot server, which it asks on port 4011. EDK2 understands both; firmware that takes ' +
      'the address and then loads nothing may need this.',
    effects: { proxyReply: 'binl' },
  },
  'plain-tftp': {
    name: 'plain-tftp',
    firmware: 'BIOS with a ROM under which lpxelinux cannot load by HTTP',
    explanation:
      'lpxelinux is told no prefix (option 210), and loads by TFTP what it would else load by HTTP. For machines that stop after it.',
    effects: { plainTftp: true },
  },
  none: {
    name: 'none',
    firmware: 'firmware that is taken for another by mistake',
    explanation: 'No quirk is applied, whatever its hardware address begins with.',
    effects: {},
  },
};

/** Prefixes of hardware addresses (24 bits) of firmware with a quirk. */
const QUIRK_BY_OUI: ReadonlyMap<number, QuirkName> = new Map<number, QuirkName>(
  // Raspberry Pi Foundation and Raspberry Pi (Trading) Ltd.
  [0x28cdc1, 0x2ccf67, 0xb827eb, 0xd83add, 0xdca632, 0xe45f01].map((oui) => [oui, 'raspberry-pi']),
);

/** What an operator says of some machines; every condition that is there must hold. */
export interface QuirkRule {
  readonly quirk: QuirkName;
  /** The first bytes of the hardware address; undefined: any. */
  readonly prefix?: { readonly value: number; readonly bits: number } | undefined;
  /** Lower case, in the order of octets of option 97; undefined: any. */
  readonly uuid?: string | undefined;
  /** The beginning of option 60; undefined: any. */
  readonly vendorClass?: string | undefined;
}

/** Who asks, as far as quirks go. */
export interface QuirkQuery {
  readonly client: BootClient;
  readonly mac: MacAddress;
  readonly uuid?: string | undefined;
  readonly vendorClass?: string | undefined;
}

const MAC_BITS = 48;
const OUI_BITS = 24;

/** Finds what is peculiar to a machine; undefined: nothing. */
export function findQuirk(query: QuirkQuery, rules: readonly QuirkRule[]): Quirk | undefined {
  let best: QuirkRule | undefined;
  for (const rule of rules) {
    if (matches(rule, query) && (best === undefined || weightOf(rule) > weightOf(best))) best = rule;
  }
  if (best !== undefined) return best.quirk === 'none' ? undefined : QUIRKS[best.quirk];
  const name = QUIRK_BY_OUI.get(Math.floor(query.mac / 2 ** (MAC_BITS - OUI_BITS)));
  // The Pi's own ROM only: an UEFI or an iPXE that was started on it says what it is.
  return name === undefined || query.client.kind !== 'bios' ? undefined : QUIRKS[name];
}

function matches({ prefix, uuid, vendorClass }: QuirkRule, query: QuirkQuery): boolean {
  if (prefix !== undefined && Math.floor(query.mac / 2 ** (MAC_BITS - prefix.bits)) !== prefix.value) return false;
  if (uuid !== undefined && uuid !== query.uuid) return false;
  return vendorClass === undefined || query.vendorClass?.startsWith(vendorClass) === true;
}

/** How narrow a rule is: a machine's UUID, then the longest prefix, then the longest vendor class. */
const weightOf = ({ prefix, uuid, vendorClass }: QuirkRule): number =>
  (uuid === undefined ? 0 : 1e6) + (prefix?.bits ?? 0) * 1000 + Math.min(vendorClass?.length ?? 0, 999);
