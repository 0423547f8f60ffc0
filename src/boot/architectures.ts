// The numbers of DHCP option 93: CPU, MAAS architecture, how the firmware loads, and its built-in loader.
//
// Sources: RFC 4578 §2.1 for the option and its first ten numbers; the IANA registry "Processor
// Architecture Types" (RFC 5970 §6.3) for their current meaning and for the later numbers. RFC 4578
// prints 7 as "EFI BC" and 9 as "EFI x86-64"; its erratum and the registry swap them. x86-64
// firmware sends both.
//
// 1. A number not in the table has no built-in loader, but may have one in `boot.loaders`.
// 2. Loader names are files in the tree's top directory.
// 3. No row names a loader known to get stuck: firmware without one continues with its next boot
//    device, while a loader's prompt waits.

interface CpuNames {
  /** In the names of EFI programs: `x64` in `bootx64.efi`. */
  readonly efi: string;
  /** What GRUB, iPXE and U-Boot call it, where that differs. */
  readonly spellings: readonly string[];
  /** Of Debian's package of its usual kernel, after `linux-image-`. */
  readonly kernel: string;
}

const CPU_NAMES = {
  amd64: { efi: 'x64', spellings: ['x86_64'], kernel: 'amd64' },
  arm64: { efi: 'aa64', spellings: ['aarch64'], kernel: 'arm64' },
  armhf: { efi: 'arm', spellings: ['arm', 'arm32'], kernel: 'armmp' },
  i386: { efi: 'ia32', spellings: ['x86'], kernel: '686' },
  loong64: { efi: 'loongarch64', spellings: ['loongarch64'], kernel: 'loong64' },
  riscv64: { efi: 'riscv64', spellings: ['riscv'], kernel: 'riscv64' },
} as const satisfies Readonly<Record<string, CpuNames>>;

/** A CPU family by its name in MAAS and Debian: the first level of the tree. */
export type Cpu = keyof typeof CPU_NAMES;
const isCpu = (name: string): name is Cpu => Object.hasOwn(CPU_NAMES, name);
export const CPUS: readonly Cpu[] = Object.keys(CPU_NAMES).filter(isCpu);

/** The architectures of MAAS's image streams; our names for them are the same. */
export const STREAM_ARCHITECTURES: ReadonlyMap<string, string> = new Map(
  ['amd64', 'arm64', 'armhf', 'i386', 'ppc64el', 'riscv64', 's390x'].map((name) => [name, name]),
);

interface FirmwareArchitecture {
  /** 0 to 65535. */
  readonly code: number;
  readonly firmware: 'bios' | 'uefi';
  readonly cpu: Cpu;
  readonly loader: string;
}

export const FIRMWARE_ARCHITECTURES: readonly FirmwareArchitecture[] = [
  // "Intel x86PC" (RFC 4578 §2.1), "x86 BIOS" (IANA). 64-bit machines send it too.
  { code: 0, firmware: 'bios', cpu: 'amd64', loader: 'lpxelinux.0' },
  // "EFI IA32" (RFC 4578 §2.1), "x86 UEFI" (IANA).
  { code: 6, firmware: 'uefi', cpu: 'i386', loader: 'bootia32.efi' },
  // "x64 UEFI" (IANA).
  { code: 7, firmware: 'uefi', cpu: 'amd64', loader: 'bootx64.efi' },
  // "EBC" (IANA). Quirk: some x86-64 firmware follows the table of RFC 4578 and sends 9.
  { code: 9, firmware: 'uefi', cpu: 'amd64', loader: 'bootx64.efi' },
  // "ARM 32-bit UEFI" (IANA).
  { code: 10, firmware: 'uefi', cpu: 'armhf', loader: 'bootarm.efi' },
  // "ARM 64-bit UEFI" (IANA).
  { code: 11, firmware: 'uefi', cpu: 'arm64', loader: 'bootaa64.efi' },
  // "x86 UEFI boot from HTTP" (IANA).
  { code: 15, firmware: 'uefi', cpu: 'i386', loader: 'bootia32.efi' },
  // "x64 UEFI boot from HTTP" (IANA).
  { code: 16, firmware: 'uefi', cpu: 'amd64', loader: 'bootx64.efi' },
  // "EBC boot from HTTP" (IANA): the counterpart of 9.
  { code: 17, firmware: 'uefi', cpu: 'amd64', loader: 'bootx64.efi' },
  // "ARM UEFI 32 boot from HTTP" (IANA).
  { code: 18, firmware: 'uefi', cpu: 'armhf', loader: 'bootarm.efi' },
  // "ARM UEFI 64 boot from HTTP" (IANA).
  { code: 19, firmware: 'uefi', cpu: 'arm64', loader: 'bootaa64.efi' },
  // "RISC-V 64-bit UEFI", and "… boot from HTTP" (IANA).
  { code: 27, firmware: 'uefi', cpu: 'riscv64', loader: 'bootriscv64.efi' },
  { code: 28, firmware: 'uefi', cpu: 'riscv64', loader: 'bootriscv64.efi' },
  // "LoongArch 64-bit UEFI", and "… boot from HTTP" (IANA): iPXE, because Debian has no GRUB for it.
  { code: 39, firmware: 'uefi', cpu: 'loong64', loader: 'ipxe-loong64.efi' },
  { code: 40, firmware: 'uefi', cpu: 'loong64', loader: 'ipxe-loong64.efi' },
];

/** The CPUs that `images build` makes the environment for. */
export const BUILT_CPUS: readonly Cpu[] = ['amd64', 'arm64', 'armhf', 'i386', 'riscv64'];

/** The command that puts the loaders of a CPU into the tree, if there is one with its environment. */
export const loadersCommand = (cpu: Cpu): string =>
  `rackboot ${BUILT_CPUS.includes(cpu) ? 'images build' : 'loaders install'}${archFlag(cpu)}`;

/** The `--arch` flag for a CPU, with a leading space; empty for the default CPU. */
export const archFlag = (cpu: Cpu): string => (cpu === 'amd64' ? '' : ` --arch ${cpu}`);

const byCode = new Map(FIRMWARE_ARCHITECTURES.map((architecture) => [architecture.code, architecture]));

/** `undefined` if unknown. */
export function findArchitecture(code: number): FirmwareArchitecture | undefined {
  return byCode.get(code);
}

// "boot from HTTP" in the IANA registry, whatever the CPU.
const HTTP_CODES: ReadonlySet<number> = new Set([15, 16, 17, 18, 19, 20, 23, 24, 26, 28, 30, 38, 40]);

/** True for firmware that boots by HTTP: it wants a URL, and option 60 back. */
export function bootsFromHttp(code: number): boolean {
  return HTTP_CODES.has(code);
}

const CPU_SPELLINGS: ReadonlyMap<string, Cpu> = new Map(
  CPUS.flatMap((cpu) => [cpu, ...CPU_NAMES[cpu].spellings].map((name): [string, Cpu] => [name, cpu])),
);

/** The EFI suffixes of all CPUs. */
export const EFI_SUFFIXES: readonly string[] = CPUS.map((cpu) => CPU_NAMES[cpu].efi);

/** `x64` in `bootx64.efi`. An unknown architecture counts as amd64. */
export function formatEfiSuffix(architecture: string): string {
  return CPU_NAMES[parseCpu(architecture) ?? 'amd64'].efi;
}

/** The CPU by a loader's spelling (`x86_64` is amd64 for GRUB and iPXE). */
export function parseCpu(spelling: string): Cpu | undefined {
  return CPU_SPELLINGS.get(spelling);
}

/** The CPU of a loader by the end of its file name, which firmware prescribes or we chose. */
export function cpuOfLoader(file: string): Cpu {
  const name = file.toLowerCase();
  return CPUS.find((cpu) => [cpu, CPU_NAMES[cpu].efi].some((end) => name.endsWith(`${end}.efi`))) ?? 'amd64';
}

/** The name of Debian's package that depends on the usual kernel. */
export const kernelPackage = (architecture: string): string =>
  `linux-image-${isCpu(architecture) ? CPU_NAMES[architecture].kernel : architecture}`;
