// What the numbers of DHCP option 93 mean for Rackboot: which CPU, which MAAS architecture, how the firmware loads, and the
// loader it is given when the configuration names no other.
//
// Sources: RFC 4578 §2.1 for the option and its first ten numbers; the IANA registry "Processor Architecture Types" (RFC 5970
// §6.3) for their present meaning and for the later numbers. RFC 4578 prints 7 as "EFI BC" and 9 as "EFI x86-64"; its
// erratum and the registry have them the other way round. Both numbers are sent by x86-64 firmware.
//
// 1. A number that is not in the table has no built-in loader; the operator can still give it one (`boot.loaders`).
// 2. Loader names are names of the tree's top directory.
// 3. A loader that is known to stop is not named. Firmware without one goes on to its next boot device, which may be PXE; a machine at the
//    prompt of a loader stays there.

/** A CPU family, by MAAS's name for it: the first level of the boot tree. */
export type Cpu = 'amd64' | 'arm64' | 'i386';

/** What one number of option 93 stands for. */
export interface FirmwareArchitecture {
  /** The number, 0 to 65535. */
  readonly code: number;
  readonly firmware: 'bios' | 'uefi';
  readonly cpu: Cpu;
  /** The loader's file name in the tree; undefined: none of ours goes on after this firmware, as `remark` says. */
  readonly loader?: string;
  /** What does not work, and what does instead: a part of a sentence that ends in the remedy. */
  readonly remark?: string;
}

// Quirk: Debian's signed GRUB 2.06 takes over the network that PXE configured, but not the one of HTTP boot, and stops at its prompt.
const NO_GRUB = {
  remark:
    'GRUB finds no network after HTTP boot; let the firmware boot by PXE, or name an iPXE of this architecture under boot.loaders',
};
// iPXE goes on by HTTP, but nobody has signed it.
const UNSIGNED = {
  remark:
    'ipxe.efi is not signed, so firmware with Secure Boot says "Access Denied"; let that boot by PXE, or switch Secure Boot off',
};

/** The numbers whose CPU and firmware are known. */
export const FIRMWARE_ARCHITECTURES: readonly FirmwareArchitecture[] = [
  // "Intel x86PC" (RFC 4578 §2.1), "x86 BIOS" (IANA). A 64-bit machine says the same.
  { code: 0, firmware: 'bios', cpu: 'amd64', loader: 'lpxelinux.0' },
  // "EFI IA32" (RFC 4578 §2.1), "x86 UEFI" (IANA).
  { code: 6, firmware: 'uefi', cpu: 'i386', loader: 'bootia32.efi' },
  // "x64 UEFI" (IANA).
  { code: 7, firmware: 'uefi', cpu: 'amd64', loader: 'bootx64.efi' },
  // "EBC" (IANA). Quirk: some x86-64 firmware, written after the table of RFC 4578, says 9.
  { code: 9, firmware: 'uefi', cpu: 'amd64', loader: 'bootx64.efi' },
  // "ARM 64-bit UEFI" (IANA).
  { code: 11, firmware: 'uefi', cpu: 'arm64', loader: 'bootaa64.efi' },
  // "x86 UEFI boot from HTTP" (IANA).
  { code: 15, firmware: 'uefi', cpu: 'i386', ...NO_GRUB },
  // "x64 UEFI boot from HTTP" (IANA).
  { code: 16, firmware: 'uefi', cpu: 'amd64', loader: 'ipxe.efi', ...UNSIGNED },
  // "EBC boot from HTTP" (IANA): the counterpart of 9.
  { code: 17, firmware: 'uefi', cpu: 'amd64', loader: 'ipxe.efi', ...UNSIGNED },
  // "ARM UEFI 64 boot from HTTP" (IANA).
  { code: 19, firmware: 'uefi', cpu: 'arm64', ...NO_GRUB },
];

const byCode = new Map(FIRMWARE_ARCHITECTURES.map((architecture) => [architecture.code, architecture]));

/** The row of a number of option 93; undefined: nothing is known of it. */
export function findArchitecture(code: number): FirmwareArchitecture | undefined {
  return byCode.get(code);
}

// "boot from HTTP" in the IANA registry, whatever the CPU.
const HTTP_CODES: ReadonlySet<number> = new Set([15, 16, 17, 18, 19, 20, 23, 24, 26, 28, 30, 38, 40]);

/** True when the registry says of a number that its firmware boots from HTTP: it wants a URL, and option 60 back. */
export function bootsFromHttp(code: number): boolean {
  return HTTP_CODES.has(code);
}

const CPU_SPELLINGS: ReadonlyMap<string, Cpu> = new Map([
  ['amd64', 'amd64'],
  ['x86_64', 'amd64'],
  ['arm64', 'arm64'],
  ['aarch64', 'arm64'],
  ['i386', 'i386'],
]);

const EFI_SUFFIXES: Readonly<Record<Cpu, string>> = { amd64: 'x64', arm64: 'aa64', i386: 'ia32' };

/** How UEFI marks an architecture in the names of loaders: `x64` in `bootx64.efi`. An unknown one is taken for amd64. */
export function formatEfiSuffix(architecture: string): string {
  return EFI_SUFFIXES[parseCpu(architecture) ?? 'amd64'];
}

/** The CPU that a loader names in its own spelling (`x86_64` is GRUB's and iPXE's for amd64); undefined: none of ours. */
export function parseCpu(spelling: string): Cpu | undefined {
  return CPU_SPELLINGS.get(spelling);
}
