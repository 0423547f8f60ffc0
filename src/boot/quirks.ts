// Deviating firmware of one kind of machine: detection and workaround. Quirks of every machine are
// at their place in the code, marked `Quirk:`.
//
// Sources: Raspberry Pi's documentation of its boot ROM and bootloader (PXE_OPTION43,
// DHCP_OPTION97); the PXE specification 2.1 §2.4 for the tags of option 43; the IANA registry
// "Processor Architecture Types"; EDK2's PxeBcDhcp4.c.
//
// 1. A Raspberry Pi is known by its option 97 or hardware address (FIRMWARE_PREFIXES). The
//    operator's rules (`boot.quirks`) come first, the longest address prefix before others; `none`
//    turns a quirk off.
// 2. A machine has at most one quirk.
// 3. Finding it costs one look-up by address prefix.

import type { MacAddress } from '../ground/address.ts';
import { type BootClient, isRaspberryPiUuid, RPIBOOT } from './client.ts';

/**
 * The first three octets of hardware addresses by which firmware with a quirk is recognised. A site
 * adds its own to `boot.quirks`. Source: the IEEE's registers. MA-L of Raspberry Pi Foundation,
 * Raspberry Pi (Trading) Ltd and Raspberry Pi Ltd; 3a:35:41 is the company identifier (CID) of
 * addresses that are given locally.
 */
const FIRMWARE_PREFIXES: ReadonlyMap<number, 'raspberry-pi'> = new Map(
  [0x28cdc1, 0x2ccf67, 0x88a29e, 0xb827eb, 0xd83add, 0xdca632, 0xe45f01, 0x3a3541].map((prefix) => [
    prefix,
    'raspberry-pi',
  ]),
);

/**
 * How a client in proxy mode learns its boot file.
 *
 * - `boot-file`: from the offer, which tells it not to look for a boot server (PXE 2.1 §2.4, tag 6
 *   with bit 3).
 * - `binl`: not from the offer, but on port 4011 (EDK2 treats an offer with option 60 and no usable
 *   option 43 as BINL).
 */
export type ProxyReply = 'boot-file' | 'binl';

export interface QuirkEffects {
  /** The real architecture, whatever the machine reports: a number of option 93. */
  readonly architecture?: number;
  /** The loader, unless `boot.loaders` names one for the architecture. */
  readonly loader?: string;
  /** Option 43 of every reply; option 60 `PXEClient` goes with it. */
  readonly vendorOptions?: Uint8Array;
  /** How the machine learns its boot file in proxy mode. */
  readonly proxyReply?: ProxyReply;
  /** No prefix (option 210), so it continues by TFTP. */
  readonly plainTftp?: boolean;
}

interface Quirk {
  readonly name: QuirkName;
  readonly explanation: string;
  readonly effects: QuirkEffects;
}

export const QUIRK_NAMES = ['raspberry-pi', 'boot-server', 'plain-tftp', 'none'] as const;
export type QuirkName = (typeof QUIRK_NAMES)[number];

/** The ROM requires it in an offer, anywhere in option 43. */
const PI_TEXT = 'Raspberry Pi Boot';
/**
 * PXE tags, as this ROM has always been offered: 6, discovery control 3 (no broadcast and no
 * multicast discovery); 10, a menu prompt that waits 0 s; 9, a menu of one entry (type 0) with the
 * text.
 */
const PI_OPTIONS = Uint8Array.of(
  6,
  1,
  3,
  10,
  4,
  0,
  ...Buffer.from('PXE'),
  9,
  3 + PI_TEXT.length,
  0,
  0,
  PI_TEXT.length,
  ...Buffer.from(PI_TEXT),
  255,
);
export const QUIRKS: Readonly<Record<QuirkName, Quirk>> = {
  'raspberry-pi': {
    name: 'raspberry-pi',
    explanation:
      'It reports a BIOS machine (architecture 0), accepts only an offer whose option 43 contains Raspberry Pi Boot, and then asks the ' +
      'boot server by TFTP for its own files, whatever the boot file is called. Rackboot treats it as architecture 41 and never gives it an ' +
      'x86 loader; put its files into the boot tree, including a UEFI for it if it should enlist.',
    effects: { architecture: RPIBOOT, loader: 'bootcode.bin', vendorOptions: PI_OPTIONS },
  },
  'boot-server': {
    name: 'boot-server',
    explanation:
      'In proxy mode its offer names no boot file but a boot server, which it asks on port 4011. EDK2 supports both; firmware that takes ' +
      'the address and then loads nothing may need this.',
    effects: { proxyReply: 'binl' },
  },
  'plain-tftp': {
    name: 'plain-tftp',
    explanation:
      'lpxelinux gets no prefix (option 210), so it loads by TFTP instead of HTTP. For machines that hang after lpxelinux.',
    effects: { plainTftp: true },
  },
  none: {
    name: 'none',
    explanation: 'Rackboot applies no quirk, whatever the prefix of the hardware address.',
    effects: {},
  },
};

/** Every condition present must hold. */
export interface QuirkRule {
  readonly quirk: QuirkName;
  /** The first bytes of the hardware address; `undefined` for any. */
  readonly prefix?: { readonly value: number; readonly bits: number } | undefined;
  /** Lower case, in the byte order of option 97; `undefined` for any. */
  readonly uuid?: string | undefined;
  /** The beginning of option 60; `undefined` for any. */
  readonly vendorClass?: string | undefined;
}

export interface QuirkQuery {
  readonly client: BootClient;
  readonly mac: MacAddress;
  readonly uuid?: string | undefined;
  readonly vendorClass?: string | undefined;
}

const MAC_BITS = 48;
const OUI_BITS = 24;

/** `undefined` if it has none. */
export function findQuirk(query: QuirkQuery, rules: readonly QuirkRule[]): Quirk | undefined {
  let best: QuirkRule | undefined;
  for (const rule of rules) {
    if (matchesQuirk(rule, query) && (best === undefined || computeSpecificity(rule) > computeSpecificity(best)))
      best = rule;
  }
  const platform = isRaspberryPiUuid(query.uuid)
    ? 'raspberry-pi'
    : FIRMWARE_PREFIXES.get(Math.floor(query.mac / 2 ** (MAC_BITS - OUI_BITS)));
  const name = best?.quirk ?? platform;
  if (name === undefined || name === 'none') return undefined;
  // Only the Pi's own ROM has it: UEFI, U-Boot and iPXE on a Pi identify themselves.
  const { kind, architecture } = query.client;
  return name === 'raspberry-pi' && kind !== 'bios' && architecture !== RPIBOOT ? undefined : QUIRKS[name];
}

function matchesQuirk({ prefix, uuid, vendorClass }: QuirkRule, query: QuirkQuery): boolean {
  if (prefix !== undefined && Math.floor(query.mac / 2 ** (MAC_BITS - prefix.bits)) !== prefix.value) return false;
  if (uuid !== undefined && uuid !== query.uuid) return false;
  return vendorClass === undefined || query.vendorClass?.startsWith(vendorClass) === true;
}

/** How narrow a rule is: a machine's UUID, then the longest prefix, then the longest vendor class. */
const computeSpecificity = ({ prefix, uuid, vendorClass }: QuirkRule): number =>
  (uuid === undefined ? 0 : 1e6) + (prefix?.bits ?? 0) * 1000 + Math.min(vendorClass?.length ?? 0, 999);
