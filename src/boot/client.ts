// Identifies a boot client's firmware or loader by options 60, 77, 93, 97 and 175. `quirks.ts` adds
// its hardware address.
//
// Sources: RFC 4578 §2.1 (option 93), RFC 3004 §4 (option 77), the UEFI specification §24.7
// (HTTPClient); captures of SeaBIOS, EDK2 and iPXE; Raspberry Pi's documentation of its bootloader
// (DHCP_OPTION97); U-Boot's Kconfig (BOOTP_VCI_STRING, BOOTP_PXE_CLIENTARCH).
//
// 1. The ladder: iPXE is recognised before its firmware, whose vendor class and number it repeats.
//    So it only gets its script, and cannot chain-load itself forever.
// 2. The vendor class says how firmware loads (TFTP or HTTP), option 93 what it can run. Of several
//    numbers (RFC 4578 §2.1) the one in the vendor class counts, else the first with a loader for
//    that way, else the first with a loader.
// 3. Any of these signs makes a boot client: iPXE's marks, a vendor class of PXE, HTTP boot or
//    U-Boot, option 93 (PXE clients MUST send it, RFC 4578 §2.1), or a Raspberry Pi's option 97.
// 4. If the signs contradict each other, 2 still decides, and `contradiction` has them.

import { cleanText } from '../ground/clean-text.ts';
import { bootsFromHttp, type Cpu, findArchitecture } from './architectures.ts';

export interface BootClientFacts {
  /** Option 93, in order (RFC 4578 §2.1); empty when absent. */
  readonly architectures: readonly number[];
  /** Option 60, as text; empty when absent. */
  readonly vendorClass: string;
  /** Option 77: each class, or the whole option if the client does not count them as RFC 3004 §4 requires. */
  readonly userClasses: readonly string[];
  /** Option 175 (iPXE's encapsulated options) is present. */
  readonly ipxeOptions: boolean;
  /** Option 97 in its byte order, lower case; `undefined` if absent. */
  readonly uuid?: string | undefined;
}

/** How a client loads its next file, and what it can run. */
export type BootClient = BootFirmware & {
  /** Set if the client's signs contradict each other. */
  readonly contradiction?: string;
};

type BootFirmware =
  /** A BIOS PXE ROM: loads pxelinux by TFTP. */
  | { readonly kind: 'bios'; readonly architecture: number }
  /** iPXE in any firmware: loads a script by HTTP. */
  | { readonly kind: 'ipxe'; readonly architecture: number }
  /** UEFI that loads by TFTP. */
  | { readonly kind: 'uefi'; readonly cpu: Cpu; readonly architecture: number }
  /** UEFI that loads by HTTP, and wants option 60 back. */
  | { readonly kind: 'uefi-http'; readonly cpu: Cpu; readonly architecture: number }
  /** U-Boot: reads pxelinux configurations by TFTP (`pxe get`), so it needs no loader. */
  | { readonly kind: 'u-boot'; readonly cpu: Cpu | undefined; readonly architecture: number }
  | { readonly kind: 'other'; readonly architecture: number };

/** iPXE's user class, bare and counted as RFC 3004 §4 requires. */
const IPXE_CLASSES = new Set(['iPXE', '\u0004iPXE']);
/**
 * gPXE, iPXE's predecessor. Quirk: it sends option 175 too, but reads no script that begins with
 * `#!ipxe`; it starts BIOS loaders.
 */
const GPXE_CLASSES = new Set(['gPXE', '\u0004gPXE']);

/**
 * U-Boot's vendor class, which may have its CPU: `U-Boot`, `U-Boot.arm`, `U-Boot.armv7`,
 * `U-Boot.armv8`. Quirk: its option 93 is not reliable. Older releases send 256 on ARM, and those
 * for RISC-V the number of UEFI.
 */
const U_BOOT_CLASS = /^U-Boot(?:\.|$)/;
/** "arm 32 uboot" and "arm 64 uboot" (IANA). */
const U_BOOT_ARM = 21;
const U_BOOT_ARM64 = 22;
/** A Raspberry Pi's bootloader begins option 97 with a four-character code: `RPi4`, `RPi5`. */
const RASPBERRY_PI_UUID = /^525069/;
/** "arm rpiboot" (IANA). */
export const RPIBOOT = 41;

/** True for a Raspberry Pi's UUID, whatever its hardware address. */
export const isRaspberryPiUuid = (uuid: string | undefined): boolean =>
  uuid !== undefined && RASPBERRY_PI_UUID.test(uuid);

/** The number in option 60, if any. */
export function numberOfClass(vendorClass: string): number | undefined {
  const written = /^(?:PXE|HTTP)Client:Arch:(\d{5})/.exec(vendorClass)?.[1];
  if (written !== undefined) return Number(written);
  if (!U_BOOT_CLASS.test(vendorClass)) return undefined;
  return vendorClass.startsWith('U-Boot.armv8') ? U_BOOT_ARM64 : U_BOOT_ARM;
}

/**
 * The client's number: of several the firmware's, if known; without any, the one in the vendor
 * class, else 0 (BIOS).
 */
function chooseArchitecture({ architectures, vendorClass }: BootClientFacts): number {
  const [first] = architectures;
  if (first !== undefined && architectures.length === 1) return first;
  const named = numberOfClass(vendorClass);
  if (first === undefined) return named ?? 0;
  const recognised = architectures.filter((code) => findArchitecture(code) !== undefined);
  if (named !== undefined && recognised.includes(named)) return named;
  const byHttp = vendorClass.startsWith('HTTPClient');
  return recognised.find((code) => bootsFromHttp(code) === byHttp) ?? recognised[0] ?? first;
}

/** @returns `undefined` if the packet does not belong to a network boot */
export function identifyBootClient(facts: BootClientFacts): BootClient | undefined {
  const firmware = identifyFirmware(facts);
  if (firmware === undefined) return undefined;
  const contradiction = findContradiction(facts, firmware);
  return contradiction === undefined ? firmware : { ...firmware, contradiction };
}

function identifyFirmware(facts: BootClientFacts): BootFirmware | undefined {
  const { architectures, vendorClass, userClasses, ipxeOptions, uuid } = facts;
  const isIpxe = ipxeOptions || userClasses.some((name) => IPXE_CLASSES.has(name));
  if (isIpxe && !userClasses.some((name) => GPXE_CLASSES.has(name))) {
    return { kind: 'ipxe', architecture: chooseArchitecture(facts) };
  }
  const saysHttp = vendorClass.startsWith('HTTPClient');
  const saysPxe = vendorClass.startsWith('PXEClient');
  const saysUBoot = U_BOOT_CLASS.test(vendorClass);
  if (!saysHttp && !saysPxe && !saysUBoot && architectures.length === 0 && !isRaspberryPiUuid(uuid)) return undefined;
  const architecture = chooseArchitecture(facts);
  if (saysUBoot || architecture === U_BOOT_ARM || architecture === U_BOOT_ARM64)
    return { kind: 'u-boot', cpu: cpuOfUBoot(architecture, vendorClass), architecture };
  const byHttp = saysHttp || (!saysPxe && bootsFromHttp(architecture));
  const row = findArchitecture(architecture);
  if (row?.firmware === 'uefi') return { kind: byHttp ? 'uefi-http' : 'uefi', cpu: row.cpu, architecture };
  // Only UEFI boots by HTTP.
  return { kind: row === undefined || byHttp ? 'other' : 'bios', architecture };
}

function cpuOfUBoot(architecture: number, vendorClass: string): Cpu | undefined {
  if (architecture === U_BOOT_ARM64 || vendorClass.startsWith('U-Boot.armv8')) return 'arm64';
  if (architecture === U_BOOT_ARM || vendorClass.startsWith('U-Boot.arm')) return 'armhf';
  return findArchitecture(architecture)?.cpu;
}

/** What the client showed, if it cannot all be true. */
function findContradiction(facts: BootClientFacts, { kind, architecture }: BootFirmware): string | undefined {
  const { architectures, vendorClass, uuid } = facts;
  const named = numberOfClass(vendorClass);
  const isListed = named === undefined || architectures.length === 0 || architectures.includes(named);
  // U-Boot's numbers are not reliable, but those of UEFI are another firmware's, except on RISC-V.
  const row = findArchitecture(architecture);
  const isUsual = kind === 'u-boot' && (row?.firmware !== 'uefi' || row.cpu === 'riscv64');
  const byClass = vendorClass.startsWith('HTTPClient');
  const isPi = isRaspberryPiUuid(uuid);
  const agrees =
    (isListed || isUsual || isSameFirmware(named, architecture)) &&
    (kind === 'ipxe' || !/^(?:PXE|HTTP)Client/.test(vendorClass) || bootsFromHttp(architecture) === byClass) &&
    // A Pi's own ROM wrongly says 0; all else it runs is for ARM.
    !(isPi && row?.firmware === 'uefi' && row.cpu !== 'arm64');
  if (agrees) return undefined;
  const signs = [
    ...(vendorClass === '' ? [] : [`option 60 ${cleanText(vendorClass, 64)}`]),
    ...(architectures.length === 0 ? [] : [`option 93 ${architectures.slice(0, 8).join(' ')}`]),
    ...(isPi ? ['option 97 of a Raspberry Pi'] : []),
  ];
  return signs.join(', ');
}

/** True if two numbers stand for the same firmware, as 7 and 9 do. */
function isSameFirmware(first: number, second: number): boolean {
  const [a, b] = [findArchitecture(first), findArchitecture(second)];
  return (
    a !== undefined && a.firmware === b?.firmware && a.cpu === b.cpu && bootsFromHttp(first) === bootsFromHttp(second)
  );
}
