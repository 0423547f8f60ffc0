// A QEMU virtual machine with real firmware, whose first boot device is the network card.
//
// 1. It is always emulated (TCG): on a virtual host KVM may be present and fail.
// 2. All its processors share one thread. Quirk: otherwise QEMU 7.2 on a busy host may lose the
//    timer of an idle processor; the kernel then reports RCU stalls, and the boot never ends.
// 3. It ends with this process: setpriv(1) sets PR_SET_PDEATHSIG of prctl(2).
// 4. Its disk and UEFI variables survive a restart as files in `directory`.

import { type ChildProcess, execFileSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { RackError } from '../ground/errors.ts';
import type { LabNamespace } from './namespace.ts';

export type Firmware =
  | 'bios'
  | 'uefi'
  | 'uefi-http'
  | 'uefi-secure'
  | 'uefi-http-secure'
  | 'uefi-arm64'
  | 'uefi-http-arm64'
  | 'uefi-secure-arm64'
  | 'uefi-http-secure-arm64'
  | 'u-boot-arm64'
  | 'u-boot-armhf'
  | 'u-boot-riscv64';

export interface VirtualMachineSpec {
  readonly name: string;
  readonly firmware: Firmware;
  readonly nic: 'virtio-net-pci' | 'e1000' | 'e1000e' | 'vmxnet3' | 'rtl8139';
  readonly mac: string;
  /** The memory, in MiB. */
  readonly memoryMib: number;
  readonly cpus: number;
  readonly diskBytes: number;
  readonly diskSerial: string;
  readonly uuid: string;
  readonly serial: string;
  /** The directory of disk, variables and console output. */
  readonly directory: string;
  /** Further arguments for QEMU, such as additional devices. */
  readonly furtherArguments?: readonly string[];
}

interface Platform {
  readonly program: string;
  /** The Debian packages of the program and the firmware. */
  readonly packages: readonly string[];
  readonly machine: readonly string[];
  /** Undefined for QEMU's own BIOS. */
  readonly flash?: { readonly code: string; readonly variables: string };
  readonly further?: readonly string[];
  /** True if QEMU refuses to describe the hardware by SMBIOS. */
  readonly hasNoSmbios?: boolean;
}

const OVMF = { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd' };
const X86 = {
  program: 'qemu-system-x86_64',
  packages: ['qemu-system-x86', 'ipxe-qemu', 'ovmf', 'iproute2', 'util-linux'],
};

/** Removes the boot options of PXE, so that those of HTTP come first. */
const HTTP_ONLY = ['IPv4', 'IPv6'].flatMap((protocol) => [
  '-fw_cfg',
  `name=opt/org.tianocore/${protocol}PXESupport,string=no`,
]);

/** Firmware with the enrolled keys of Microsoft, which sign shim. */
const SECURE = {
  ...X86,
  machine: ['-machine', 'q35,smm=on', '-global', 'driver=cfi.pflash01,property=secure,value=on'],
  flash: { code: '/usr/share/OVMF/OVMF_CODE_4M.secboot.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.ms.fd' },
};

const ARM64 = {
  program: 'qemu-system-aarch64',
  packages: ['qemu-system-arm', 'qemu-efi-aarch64', 'iproute2'],
  machine: ['-machine', 'virt', '-cpu', 'cortex-a57'],
  flash: { code: '/usr/share/AAVMF/AAVMF_CODE.fd', variables: '/usr/share/AAVMF/AAVMF_VARS.fd' },
};

/** Firmware for arm64 with the same keys as SECURE. */
const SECURE_ARM64 = {
  ...ARM64,
  flash: { code: '/usr/share/AAVMF/AAVMF_CODE.ms.fd', variables: '/usr/share/AAVMF/AAVMF_VARS.ms.fd' },
};

/** Debian's U-Boot, which boots from the network when its disks have nothing to start. */
const uBootPlatform = (program: string, cpu: string, board: string): Platform => ({
  program,
  packages: ['qemu-system-arm', 'u-boot-qemu', 'iproute2'],
  machine: ['-machine', 'virt', '-cpu', cpu, '-bios', `/usr/lib/u-boot/${board}/u-boot.bin`],
});

const PLATFORMS: Readonly<Record<Firmware, Platform>> = {
  // Quirk: SeaBIOS writes to the serial port only without a graphics card.
  bios: { ...X86, machine: ['-machine', 'pc,graphics=off'] },
  uefi: { ...X86, machine: ['-machine', 'q35'], flash: OVMF },
  'uefi-http': { ...X86, machine: ['-machine', 'q35'], flash: OVMF, further: HTTP_ONLY },
  'uefi-secure': SECURE,
  'uefi-http-secure': { ...SECURE, further: HTTP_ONLY },
  'uefi-arm64': ARM64,
  'uefi-http-arm64': { ...ARM64, further: HTTP_ONLY },
  'uefi-secure-arm64': SECURE_ARM64,
  'uefi-http-secure-arm64': { ...SECURE_ARM64, further: HTTP_ONLY },
  'u-boot-arm64': uBootPlatform('qemu-system-aarch64', 'cortex-a57', 'qemu_arm64'),
  'u-boot-armhf': uBootPlatform('qemu-system-arm', 'cortex-a15', 'qemu_arm'),
  // In supervisor mode, started by OpenSBI, which is QEMU's default BIOS there.
  'u-boot-riscv64': {
    program: 'qemu-system-riscv64',
    packages: ['qemu-system-misc', 'opensbi', 'u-boot-qemu', 'iproute2'],
    machine: ['-machine', 'virt', '-kernel', '/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin'],
    hasNoSmbios: true,
  },
};

/** The Debian packages that the lab's machine needs. */
export const VM_PACKAGES: readonly string[] = X86.packages;

/**
 * A virtual machine that runs until it powers itself off, or until `kill`. Use `command` if
 * something else controls its power.
 */
export class VirtualMachine {
  readonly spec: VirtualMachineSpec;
  readonly consolePath: string;
  readonly #namespace: LabNamespace;
  readonly #tap: string;
  #process: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);

  constructor(spec: VirtualMachineSpec, namespace: LabNamespace) {
    this.spec = spec;
    this.#namespace = namespace;
    this.#tap = namespace.addTap();
    this.consolePath = join(spec.directory, `${spec.name}.console`);
    execFileSync('truncate', ['-s', String(spec.diskBytes), this.diskPath]);
    const { flash, packages } = PLATFORMS[spec.firmware];
    if (flash === undefined) return;
    if (!existsSync(flash.code))
      throw new RackError('tool-missing', `UEFI firmware is missing: sudo apt-get install ${packages.join(' ')}`);
    copyFileSync(flash.variables, this.#variables);
  }

  /** Resolves with the exit code: 0 if it powered itself off. */
  start(): Promise<number | null> {
    const [program = '', ...args] = this.command;
    const child = this.#namespace.spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#process = child;
    this.#exited = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => resolve(code));
    });
    return this.#exited;
  }

  /** The command line of QEMU, to be run inside the namespace. */
  get command(): readonly string[] {
    return [PLATFORMS[this.spec.firmware].program, ...this.#arguments()];
  }

  get diskPath(): string {
    return join(this.spec.directory, `${this.spec.name}.disk`);
  }

  /** Cuts its power. */
  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#exited.catch(() => null);
  }

  get #variables(): string {
    return join(this.spec.directory, `${this.spec.name}.vars`);
  }

  #arguments(): string[] {
    const { spec } = this;
    const { machine, flash, further = [], hasNoSmbios = false } = PLATFORMS[spec.firmware];
    // Quirk: QEMU's option ROM is iPXE under UEFI too, and runs first; without a ROM the firmware's
    // own PXE runs.
    const nic = `${spec.nic},netdev=n0,mac=${spec.mac},bootindex=1${flash === undefined ? '' : ',romfile='}`;
    const drive = (unit: number, file: string): string[] => [
      '-drive',
      `if=pflash,unit=${unit},format=raw,file=${file}${unit === 0 ? ',readonly=on' : ''}`,
    ];
    return [
      '-name',
      spec.name,
      ...machine,
      '-accel',
      'tcg,thread=single',
      '-m',
      String(spec.memoryMib),
      '-smp',
      String(spec.cpus),
      '-nodefaults',
      '-display',
      'none',
      '-monitor',
      'none',
      // A reboot ends QEMU, so each start is observed separately.
      '-no-reboot',
      '-serial',
      `file:${this.consolePath}`,
      '-uuid',
      spec.uuid,
      ...(hasNoSmbios ? [] : ['-smbios', `type=1,serial=${spec.serial},uuid=${spec.uuid}`]),
      ...(flash === undefined ? [] : [...drive(0, flash.code), ...drive(1, this.#variables)]),
      ...further,
      ...(spec.furtherArguments ?? []),
      '-device',
      'virtio-rng-pci',
      '-netdev',
      `tap,id=n0,ifname=${this.#tap},script=no,downscript=no`,
      '-device',
      nic,
      '-drive',
      `file=${this.diskPath},format=raw,if=none,id=d0`,
      '-device',
      `virtio-blk-pci,drive=d0,serial=${spec.diskSerial},bootindex=2`,
    ];
  }
}
