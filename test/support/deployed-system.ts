// A machine in QEMU that the real environment deploys, and that then starts from its disk by real firmware, on any platform. Its owner logs in
// at the static address.

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep } from '../../src/ground/clock.ts';
import type { StoredImage } from '../../src/images/store/image-store.ts';
import { cachedBootTree } from '../../src/lab/boot-tree.ts';
import { ended, endProgram } from './child.ts';
import { DEBIAN_IMAGE_NEEDS } from './debian-image.ts';
import { freePort } from './free-port.ts';
import { JobRack, type ReportedSignal } from './job-rack.ts';
import { missing, type Need } from './needs.ts';

export interface Platform {
  readonly name: string;
  readonly arch: 'amd64' | 'arm64';
  readonly program: string;
  /** How it starts from its disk. */
  readonly firmware: readonly string[];
  /** Its firmware's code and variables; undefined: QEMU's BIOS. */
  readonly flash?: readonly [code: string, variables: string];
  readonly console: string;
  readonly needs: readonly Need[];
}

export const PLATFORMS: readonly Platform[] = [
  {
    name: 'BIOS',
    arch: 'amd64',
    program: 'qemu-system-x86_64',
    console: 'ttyS0',
    firmware: ['-machine', 'pc,graphics=off'],
    needs: ['qemu-system-x86_64'],
  },
  {
    name: 'UEFI',
    arch: 'amd64',
    program: 'qemu-system-x86_64',
    console: 'ttyS0',
    firmware: ['-machine', 'q35'],
    flash: ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd'],
    needs: ['qemu-system-x86_64', '/usr/share/OVMF/OVMF_CODE_4M.fd'],
  },
  {
    name: 'UEFI on arm64',
    arch: 'arm64',
    program: 'qemu-system-aarch64',
    console: 'ttyAMA0',
    firmware: ['-machine', 'virt', '-cpu', 'cortex-a57'],
    flash: ['/usr/share/AAVMF/AAVMF_CODE.fd', '/usr/share/AAVMF/AAVMF_VARS.fd'],
    needs: ['qemu-system-aarch64', '/usr/share/AAVMF/AAVMF_CODE.fd'],
  },
];

const MAC = '52:54:00:aa:00:41';
/** Of the deployed system. */
export const ADDRESS = '10.0.2.77';
export const DISK_BYTES = 4 * 1024 ** 3;
const RUN_MS_MAX = 900_000;
const LOOK_EVERY_MS = 2000;
const SHOWN = 3000;

/** Why a platform cannot be tried on this host; false: it can. */
export function missingFor({ arch, needs }: Platform): string | false {
  return missing(...DEBIAN_IMAGE_NEEDS, ...needs, 'ssh') || cannotBuild(arch);
}

/** An image, and where its compressed bytes are. */
export type ImageFile = StoredImage & { readonly path: string };

/** An image to deploy. */
export interface DeployedFile extends Pick<ImageFile, 'path' | 'sha256' | 'bytes' | 'diskBytes' | 'format'> {
  /** Files that start the root of a system; undefined: it has its own. */
  readonly starts?: Readonly<Record<'kernel' | 'initrd', { readonly path: string; readonly sha256: string }>>;
  /** The plan for its disks; undefined: the image makes its disk. */
  readonly plan?: string;
}

/** The result of a run of the environment. */
interface DeployOutcome {
  /** Of the virtual machine's process. */
  readonly code: number | null;
  readonly last: ReportedSignal | undefined;
  readonly shown: string;
}

interface Reporter {
  diagnostic(text: string): void;
}

export class DeployedSystem {
  readonly #platform: Platform;
  readonly #scratch = mkdtempSync(join(tmpdir(), 'rackboot-deploy-'));
  readonly #disks: readonly string[];
  readonly #key = join(this.#scratch, 'key');
  #machine: ChildProcess | undefined;
  #port = 0;
  #lost: number | undefined;

  /** @param disks how many it has, of `DISK_BYTES` each; the serial numbers are D0, D1 … */
  constructor(platform: Platform, disks = 1) {
    this.#platform = platform;
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', this.#key]);
    this.#disks = Array.from({ length: disks }, (_, index) => join(this.#scratch, `disk${index}`));
    for (const disk of this.#disks) {
      writeFileSync(disk, '');
      truncateSync(disk, DISK_BYTES);
    }
  }

  async close(): Promise<void> {
    if (this.#machine !== undefined) await endProgram(this.#machine, 'SIGKILL');
    rmSync(this.#scratch, { recursive: true, force: true });
  }

  /** Deploys an image, as the region's job does. */
  async deploy(image: DeployedFile, t: Reporter): Promise<void> {
    const began = process.uptime();
    const { code, last, shown } = await this.tryDeploy(image);
    assert.deepEqual([code, last?.status, last?.stage], [0, 'OK', 'written'], `${last?.message}\n${shown}`);
    t.diagnostic(`deployed in ${Math.round(process.uptime() - began)} s`);
  }

  /** The same, whatever comes of it: the machine's last report, and the end of its console. */
  async tryDeploy(image: DeployedFile): Promise<DeployOutcome> {
    return await this.#withRack(image, (rack) => rack.give(this.#jobOf(rack, image)));
  }

  /** Erases the disks. */
  async erase(mode: 'signatures' | 'all'): Promise<DeployOutcome> {
    return await this.#withRack(undefined, (rack) => rack.give({ job: 'erase', mode }));
  }

  /** The file of a disk. */
  diskFile(index: number): string {
    return this.#disks[index] ?? assert.fail();
  }

  /** Ends the machine. @param without the disk that it loses; undefined: none */
  async powerOff(without?: number): Promise<void> {
    if (this.#machine !== undefined) await endProgram(this.#machine, 'SIGKILL');
    this.#lost = without;
  }

  /** Starts the machine from its disk, and waits for a login. */
  async startFromDisk(t: Reporter): Promise<void> {
    this.#port = await freePort();
    const serial = join(this.#scratch, 'start');
    const began = process.uptime();
    this.#machine = this.#start(serial, `user,id=n0,hostfwd=tcp:127.0.0.1:${this.#port}-${ADDRESS}:22`, [
      ...this.#platform.firmware,
      ...this.#flash(),
    ]);
    while (this.logIn('true').status !== 0) {
      if (process.uptime() - began > RUN_MS_MAX / 1000) assert.fail(readFileSync(serial, 'latin1').slice(-SHOWN));
      await sleep(LOOK_EVERY_MS);
    }
    t.diagnostic(`from the start of the disk to a login: ${Math.round(process.uptime() - began)} s`);
  }

  /** Runs a command by SSH, as the owner. */
  logIn(command: string): { readonly status: number | null; readonly stdout: string } {
    const options = ['BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'ConnectTimeout=10'];
    const words = [...options, 'LogLevel=ERROR', 'IdentitiesOnly=yes'].flatMap((option) => ['-o', option]);
    const args = ['-i', this.#key, '-p', String(this.#port), ...words, 'debian@127.0.0.1', command];
    return spawnSync('ssh', args, { encoding: 'utf8', timeout: 120_000 });
  }

  #jobOf(rack: JobRack, image: DeployedFile): Readonly<Record<string, string | number>> {
    rack.open.set('/images/it', { file: image.path });
    for (const [name, { path }] of Object.entries(image.starts ?? {})) rack.open.set(`/images/${name}`, { file: path });
    const own = (name: string): string => `/MAAS/rackboot/1/${name}`;
    rack.secret.set(own('ssh-keys'), readFileSync(`${this.#key}.pub`, 'utf8'));
    rack.secret.set(own('cloud-config'), 'datasource_list: [ None ]\n');
    if (image.plan !== undefined) rack.secret.set(own('storage'), image.plan);
    return {
      ...(image.plan === undefined ? {} : { storage_url: own('storage'), disk: 'serial:D0' }),
      job: 'deploy',
      hostname: 'calm-ibis',
      domain: 'maas',
      proxy: 'http://10.0.2.9:8000/',
      image_url: '/images/it',
      image_sha256: image.sha256,
      image_bytes: image.bytes,
      image_disk_bytes: image.diskBytes,
      image_format: image.format,
      ...Object.fromEntries(
        Object.entries(image.starts ?? {}).flatMap(([name, { sha256 }]) => [
          [`${name}_url`, `/images/${name}`],
          [`${name}_sha256`, sha256],
        ]),
      ),
      ssh_keys_url: own('ssh-keys'),
      cloud_config_url: own('cloud-config'),
      address: `${ADDRESS}/24`,
      router: '10.0.2.2',
      dns: '10.0.2.3',
    };
  }

  /** Runs the environment until the machine restarts or is off. */
  async #withRack(image: DeployedFile | undefined, give: (rack: JobRack) => void): Promise<DeployOutcome> {
    const { arch, console, firmware, flash } = this.#platform;
    const tree = await cachedBootTree(() => undefined, arch);
    const rack = new JobRack(tree);
    await rack.listen();
    try {
      give(rack);
      const place = join(tree, arch, 'generic/bookworm/commissioning');
      const line = `rackboot=commissioning rackboot_url=http://10.0.2.2:${rack.port}/MAAS rackboot_token=${rack.token}`;
      const words = `${line} BOOTIF=01-${MAC.replaceAll(':', '-')} console=${console},115200`;
      const serial = join(this.#scratch, 'deploy');
      const direct = ['-kernel', join(place, 'linux'), '-initrd', join(place, 'initrd.gz'), '-append', words];
      // A plan for a machine with UEFI is carried out by one.
      const code = image?.plan === undefined || flash === undefined ? [] : this.#flash();
      const machine = this.#start(serial, 'user,id=n0', [...firmware, ...code, ...direct]);
      this.#machine = machine;
      const late = AbortSignal.timeout(RUN_MS_MAX);
      late.addEventListener('abort', () => machine.kill('SIGKILL'));
      const status = await ended(machine);
      const shown = readFileSync(serial, 'latin1').slice(-SHOWN);
      return { code: status, last: rack.signals.at(-1), shown };
    } finally {
      rack.close();
    }
  }

  #start(console: string, network: string, firmware: readonly string[]): ChildProcess {
    const args = [
      ...firmware,
      '-accel',
      'tcg,thread=single',
      '-smp',
      '2',
      '-m',
      '1024',
      '-nodefaults',
      '-display',
      'none',
      '-monitor',
      'none',
      '-no-reboot',
      '-serial',
      `file:${console}`,
      '-device',
      'virtio-rng-pci',
      '-netdev',
      network,
      '-device',
      `virtio-net-pci,netdev=n0,mac=${MAC},romfile=`,
      ...this.#disks.flatMap((disk, index) => this.#drive(disk, index)),
    ];
    return spawn(this.#platform.program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  #drive(disk: string, index: number): readonly string[] {
    if (index === this.#lost) return [];
    const device = `virtio-blk-pci,drive=d${index},serial=D${index},bootindex=${index + 1}`;
    return ['-drive', `file=${disk},format=raw,if=none,id=d${index},cache=unsafe`, '-device', device];
  }

  #flash(): readonly string[] {
    if (this.#platform.flash === undefined) return [];
    const [code, variables] = this.#platform.flash;
    const own = join(this.#scratch, 'variables');
    copyFileSync(variables, own);
    const drive = (unit: number, file: string, more: string): readonly string[] => [
      '-drive',
      `if=pflash,unit=${unit},format=raw,file=${file}${more}`,
    ];
    return [...drive(0, code, ',readonly=on'), ...drive(1, own, '')];
  }
}

/** Why packages of an architecture cannot be set up on this host; false: they can. */
function cannotBuild(arch: Platform['arch']): string | false {
  if (arch === 'amd64' || existsSync('/proc/sys/fs/binfmt_misc/qemu-aarch64')) return false;
  return 'needs programs of arm64 to run here (apt-get install qemu-user-static binfmt-support arch-test)';
}
