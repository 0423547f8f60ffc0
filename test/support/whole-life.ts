// The whole life of a machine for real: a virtual machine with a blank disk, whose power a BMC holds, goes from New to Ready, Deployed
// and Ready again by the commands that a person types.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { machineShape, statusShape } from '../../src/cli/terminal/shapes.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { sleep } from '../../src/ground/clock.ts';
import { cachedBootTree, type TreeContent } from '../../src/lab/boot-tree.ts';
import { DaemonProcess, type LogLine } from '../../src/lab/daemon-process.ts';
import { LabNamespace } from '../../src/lab/namespace.ts';
import { eventuallyWithin } from './eventually.ts';
import { type BootCase, configText, GIB, specOf, startAddressServer } from './first-boot.ts';
import type { Need } from './needs.ts';
import { PoweredMachine } from './powered-machine.ts';
import { type RunningRack, runRackboot } from './running-rack.ts';

/** The requests to the BMC for a start from the network. */
export const START = ['power 0', 'boot pxe', 'power 1'];

/** The progress of its image. */
export const WRITING = /^writing /;

/** Lines of the machine's log until it is deployed, in this order, with other lines between them. */
export const DEPLOYED_STORY = [
  /^reported itself for the first time/,
  /^From 'New' to 'Commissioning'$/,
  /^switched (off and )?on/,
  /^Loaded its configuration to run the ephemeral environment$/,
  /^reported its hardware$/,
  /^all checks and scripts passed/,
  /^From 'Commissioning' to 'Ready'$/,
  /^switched off/,
  /^From 'Ready' to 'Allocated'$/,
  /^From 'Allocated' to 'Deploying'$/,
  /^switched (off and )?on/,
  /^Offered 10\.77\.0\.\d\d \(fixed by the region\)/,
  WRITING,
  /^growing and personalising /,
  /^the disk is written: from now on it boots its own disk$/,
  /^Loaded its configuration to boot its own disk$/,
  /^From 'Deploying' to 'Deployed'$/,
];
/** The same of its release with erasure. */
export const RELEASED_STORY = [
  /^From 'Deployed' to 'Disk erasing'$/,
  /^switched (off and )?on/,
  /^Loaded its configuration to run the ephemeral environment$/,
  / erased \(/,
  /^From 'Releasing' to 'Ready'$/,
];

export const LIFE_NEEDS: readonly Need[] = [
  ...(['linux', 'root', 'ip', 'ipmi_sim', 'ipmitool', 'nc', 'ssh', 'curl', 'dig', 'depmod'] as const),
  ...(['mount', 'sfdisk', 'qemu-system-x86_64', '/usr/share/OVMF/OVMF_CODE_4M.fd'] as const),
];
export const RACK = '10.77.0.1';
export const BMC = { address: '10.77.0.5', mac: '52:54:00:bb:00:02', operator: { name: 'root', password: 'calvin42' } };
const CONSOLE_SHOWN = 3000;
const LOOK_EVERY_MS = 600;
/** Of an emulated machine, from the first word to the last of its keys. */
const SSH_SECONDS_MAX = 20;
/** pino's number for an error. */
const ERROR = 50;
const FAULTS_SHOWN = 5;
/** Lines of the log in which something is awaited. */
const LATEST = 20;
const SECTOR_BYTES = 512;
const START_MS_MAX = 60_000;
/** An image is copied and hashed within it. */
const COMMAND_MS_MAX = 300_000;

const eventsShape = z.array(
  z.looseObject({ id: z.number(), type: z.string(), description: z.string(), username: z.string(), time: z.string() }),
);
const latestShape = z.object({ events: z.array(z.looseObject({ description: z.string() })) });
const tableShape = z.object({
  partitiontable: z.object({ partitions: z.array(z.looseObject({ start: z.number() })) }),
});
const lifeShape = machineShape.extend({ status_message: z.string(), power_type: z.string() });
type Shown = z.infer<typeof lifeShape>;

export interface LifeCase
  extends Pick<BootCase, 'firmware' | 'nic' | 'memoryMib' | 'cpus' | 'diskBytes' | 'loaders' | 'qemu32'> {
  readonly content: TreeContent;
  /** How the machine reaches its BMC; undefined: a person says where it is. */
  readonly bus: 'isa' | 'pci' | undefined;
  /** Another server, dnsmasq, gives the addresses, and the rack is in proxy mode. Default: the rack gives them. */
  readonly proxied?: boolean;
}

/** A machine with a BIOS, and a BMC that it finds without help. */
export const BIOS_LIFE = {
  firmware: 'bios',
  nic: 'virtio-net-pci',
  memoryMib: 1024,
  cpus: 2,
  diskBytes: 4 * GIB,
  loaders: '{}',
  content: 'amd64',
  bus: 'isa',
} as const satisfies LifeCase;

/** A region in processes of its own. */
export interface RegionApart {
  /** Where its processes answer: the rack's `region.url`. */
  readonly urls: readonly string[];
  /** The process that commands are given to. */
  readonly current: Pick<RunningRack, 'configFile' | 'stateDir'>;
}

/** The end of a program. */
export interface Said {
  readonly code: number;
  readonly out: string;
}

/** A private network with a rack, and a machine that is off. */
export class LifeRig {
  readonly namespace: LabNamespace;
  readonly power: PoweredMachine;
  readonly directory: string;
  readonly lines: LogLine[] = [];
  readonly #config: string;
  readonly #region: RegionApart | undefined;
  readonly #resolver: string;
  #daemon: DaemonProcess | undefined;
  #addressServer: ReturnType<LabNamespace['spawn']> | undefined;
  /** How the daemon ended; undefined: it runs. */
  #exit: number | undefined;

  private constructor(
    given: LifeCase,
    namespace: LabNamespace,
    directory: string,
    tree: string,
    region: RegionApart | undefined,
  ) {
    this.namespace = namespace;
    this.directory = directory;
    this.#region = region;
    const boot = { ...given, name: '', boots: 1 } as const;
    this.power = new PoweredMachine(specOf(boot, 0, directory), BMC, namespace, given.bus);
    this.#config = join(directory, 'rackboot.yaml');
    this.#resolver = join(directory, 'resolv.conf');
    const link = region === undefined ? '' : `region: { mode: remote, url: ${JSON.stringify(region.urls)} }\n`;
    writeFileSync(this.#config, `${configText(this.stateDir, tree, given, '', given.proxied)}${link}`);
    writeFileSync(this.#resolver, `nameserver ${RACK}\nsearch maas\n`);
  }

  /**
   * Makes everything, starts the rack and the BMC.
   * @param name of the network, unique on this host
   * @param startRegion starts a region in this network, to which the rack belongs. Default: the rack has a region of its own
   */
  static async create(
    given: LifeCase,
    name: string,
    startRegion?: (namespace: LabNamespace) => Promise<RegionApart>,
  ): Promise<LifeRig> {
    const cached = await cachedBootTree(() => undefined, given.content);
    const directory = mkdtempSync(join(tmpdir(), 'rackboot-life-'));
    // Images are added to a tree of its own.
    const tree = join(directory, 'boot');
    execFileSync('cp', ['-a', '--reflink=auto', cached, tree]);
    const namespace = LabNamespace.create(name, RACK, 24);
    const region = await startRegion?.(namespace).catch((error: unknown) => {
      namespace.remove();
      throw error;
    });
    const rig = new LifeRig(given, namespace, directory, tree, region);
    if (given.proxied === true) rig.#addressServer = startAddressServer(rig.namespace, directory);
    try {
      await rig.power.start();
      rig.#daemon = await DaemonProcess.start({
        config: rig.#config,
        namespace: rig.namespace,
        onLine: (line) => rig.lines.push(line),
        onExit: (code) => {
          rig.#exit = code ?? -1;
        },
      });
      if (region === undefined) await rig.#reports('region.up');
      else await rig.#belong();
    } catch (error) {
      await rig.remove();
      throw error;
    }
    return rig;
  }

  get stateDir(): string {
    return join(this.directory, 'state');
  }

  async #reports(wanted: string): Promise<void> {
    await eventuallyWithin(START_MS_MAX, `${wanted} in the log`, () =>
      this.lines.some(({ event }) => event === wanted),
    );
  }

  /** The region accepts the rack. */
  async #belong(): Promise<void> {
    await this.#reports('region.pending');
    await this.rackboot('racks', 'accept', 'rack');
    await eventuallyWithin(START_MS_MAX, 'the rack is linked', async () => (await this.linked()) !== undefined);
  }

  /** The address at which the rack is linked to a region apart; undefined: it is not. */
  async linked(): Promise<string | undefined> {
    const { region } = statusShape.parse(await askDaemon(this.stateDir, '/status'));
    return region?.state === 'up' ? region.addresses[0] : undefined;
  }

  /** Where the region's commands find it. */
  get #home(): RegionApart['current'] {
    return this.#region?.current ?? { configFile: this.#config, stateDir: this.stateDir };
  }

  /** Ends everything but a region apart. */
  async remove(): Promise<void> {
    await this.power.stop();
    await this.#daemon?.stop();
    this.#addressServer?.kill('SIGKILL');
    this.namespace.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Runs a command of Rackboot as a user would, on the region's host, and fails if it fails. @returns its output */
  rackboot(...args: readonly string[]): Promise<string> {
    return succeed([...args, '--config', this.#home.configFile]);
  }

  /** The same on the rack's host. */
  rackbootOnRack(...args: readonly string[]): Promise<string> {
    return succeed([...args, '--config', this.#config]);
  }

  /** Runs a command that must be refused. @returns its complaint */
  async refused(...args: readonly string[]): Promise<string> {
    const { code, complaints } = await runRackboot([...args, '--config', this.#home.configFile], {
      endMsMax: COMMAND_MS_MAX,
    });
    assert.notEqual(code, 0, `rackboot ${args.join(' ')} was not refused`);
    return complaints.join('\n');
  }

  /** The only machine; undefined: none is known yet. */
  async machine(): Promise<Shown | undefined> {
    const last = (): string => JSON.stringify(this.lines.slice(-FAULTS_SHOWN));
    assert.equal(this.#exit, undefined, `the daemon has ended with ${this.#exit}: ${last()}`);
    const machines = z.array(lifeShape).parse(await askDaemon(this.#home.stateDir, '/MAAS/api/2.0/machines/'));
    assert.ok(machines.length <= 1, 'one machine is one record');
    return machines[0];
  }

  /** Waits until the machine has come to a state, and fails as soon as something went wrong. */
  async reaches(status: string, limitMs: number): Promise<Shown> {
    return this.patiently(`it is ${status}`, limitMs, async () => {
      const machine = await this.machine();
      if (machine?.status_name === status) return machine;
      const isWrong = /^(?:Failed|Releasing failed|Broken)/.test(machine?.status_name ?? '');
      if (isWrong) assert.fail(`it is ${machine?.status_name}: ${machine?.status_message}\n${await this.story()}`);
      return undefined;
    });
  }

  /** Waits until the machine is off. */
  off(limitMs: number): Promise<true> {
    return this.patiently('it is off', limitMs, () => Promise.resolve(this.power.isOn ? undefined : true));
  }

  /** Waits for something, and tells the whole story when it does not come. */
  async patiently<T>(what: string, limitMs: number, look: () => Promise<T | undefined>): Promise<T> {
    const end = process.uptime() + limitMs / 1000;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (process.uptime() > end) assert.fail(`not within ${limitMs} ms: ${what}\n${await this.story()}`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** Waits until one of the latest lines of the machine's log matches. */
  tells(what: RegExp, limitMs: number): Promise<true> {
    return this.patiently(`its log tells ${what}`, limitMs, async () => {
      const asked = await askDaemon(this.#home.stateDir, `/MAAS/api/2.0/events/?op=query&limit=${LATEST}&level=DEBUG`);
      const { events } = latestShape.parse(asked);
      return events.some(({ description }) => what.test(description)) ? true : undefined;
    });
  }

  /** The machine's log, the oldest first. */
  async events(): Promise<z.infer<typeof eventsShape>> {
    const machine = await this.machine();
    if (machine === undefined) return [];
    const words = ['events', '--machine', machine.system_id, '--limit', '1000', '--json', '--level'];
    const lists: z.infer<typeof eventsShape>[] = [];
    // Audited events are shown alone.
    for (const level of ['debug', 'audit'])
      lists.push(eventsShape.parse(JSON.parse(await this.rackboot(...words, level))));
    return lists.flat().sort((one, other) => one.id - other.id);
  }

  /** Asserts that lines of the machine's log tell a story. */
  async checkStory(reported: readonly string[], story: readonly RegExp[]): Promise<void> {
    let from = 0;
    for (const sentence of story) {
      const at = reported.findIndex((text, index) => index >= from && sentence.test(text));
      if (at === -1) assert.fail(`${sentence}, in its place:\n${await this.story()}`);
      from = at + 1;
    }
  }

  /** The events, for the search for a fault. */
  async story(): Promise<string> {
    const events = await this.events().catch(() => []);
    const reported = events.map(({ type, description }) => `${type}: ${description}`).join('\n');
    const asked = this.power.changes.join(', ');
    const faults = this.lines.filter(({ level }) => level >= ERROR).map((line) => JSON.stringify(line));
    return `${reported}\nthe BMC was asked: ${asked}\n${faults.slice(-FAULTS_SHOWN).join('\n')}\n${this.power.console().slice(-CONSOLE_SHOWN)}`;
  }

  /** Runs a program in the network, where names are asked of the rack. */
  within(program: string, ...args: readonly string[]): Said {
    const words = ['mount --bind "$0" /etc/resolv.conf && exec "$@"', this.#resolver, program, ...args];
    try {
      const out = execFileSync('ip', ['netns', 'exec', this.namespace.name, 'sh', '-c', ...words], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      return { code: 0, out: out.trim() };
    } catch (error) {
      const ended = z.object({ status: z.number().nullable(), stdout: z.string(), stderr: z.string() }).parse(error);
      return { code: ended.status ?? -1, out: `${ended.stdout}${ended.stderr}`.trim() };
    }
  }

  /** Asks the rack's name server. */
  dig(...question: readonly string[]): string {
    return this.within('dig', '+short', '+time=2', '+tries=2', `@${RACK}`, ...question).out;
  }

  /** Makes a person's key. @returns the path of its secret half; the public half is next to it */
  makeKey(name: string): string {
    const path = join(this.directory, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', `${name}@example.net`, '-f', path]);
    return path;
  }

  /** Logs in by name, and runs a command. */
  ssh(key: string, login: string, ...command: readonly string[]): Said {
    const options = [
      'BatchMode=yes',
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'LogLevel=ERROR',
      'IdentitiesOnly=yes',
      `ConnectTimeout=${SSH_SECONDS_MAX}`,
      'ServerAliveInterval=5',
    ].flatMap((option) => ['-o', option]);
    return this.within('ssh', ...options, '-i', key, login, ...command);
  }

  /** Bytes of the machine's disk. */
  disk(offset: number, length: number): Buffer {
    const file = openSync(this.power.machine.diskPath, 'r');
    const bytes = Buffer.alloc(length);
    readSync(file, bytes, 0, length, offset);
    closeSync(file);
    return bytes;
  }

  /** Where the partitions of its disk begin, in bytes. */
  partitions(): readonly number[] {
    const text = execFileSync('sfdisk', ['-J', this.power.machine.diskPath], { encoding: 'utf8' });
    return tableShape.parse(JSON.parse(text)).partitiontable.partitions.map(({ start }) => start * SECTOR_BYTES);
  }
}

async function succeed(words: readonly string[]): Promise<string> {
  const { code, output, complaints } = await runRackboot(words, { endMsMax: COMMAND_MS_MAX });
  assert.equal(code, 0, `rackboot ${words.join(' ')}: ${complaints.join('\n')}`);
  return output.join('\n');
}
