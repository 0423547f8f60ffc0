// The laboratory in which the commands of the documents run as they are written: a network of its own with the rack's `eth1` at
// 10.20.0.1 and a simulated machine, calm-ibis, at the other end of the cable; /etc, /var/lib and the programs in front are its own.
//
// 1. Nothing of it is seen by the host, and all of it ends with the process: network and mounts are namespaces of the main thread. Files
//    of the laboratory are touched by synchronous calls and by children only, because the pool of Node's threads is outside.
// 2. The main thread is on the machine's side of the cable. Rack and commands are on the other.
// 3. It needs root.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { formatMac, ipv4, mac } from '../../src/ground/address.ts';
import { systemClock, type Timer } from '../../src/ground/clock.ts';
import { readImages } from '../../src/images/store/image-store.ts';
import { DaemonProcess, type LogLine } from '../../src/lab/daemon-process.ts';
import { type LabPlace, makeStandInTree } from '../../src/lab/safe-lab.ts';
import { SwitchableMachine } from '../../src/lab/simulated-life.ts';
import { DRIVER_PROGRAMS, findMissingPrograms } from '../../src/power/programs.ts';
import { LEASE_MARK_FILE } from '../../src/store/leases/lease-mark.ts';
import { endProgram, whileRunning } from '../support/child.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { installMaasWrapper } from '../support/maas-wrapper.ts';
import { enterOwnMounts, removeOwnMounts } from '../support/own-mounts.ts';
import { enterOwnNetwork, until } from '../support/own-network.ts';
import { type PowerSocket, WebhookPower } from '../support/webhook-power.ts';
import { goesOn, statusThatCounts } from './commands.ts';
import { ROOT } from './markdown.ts';
import { writeFiles } from './shown-files.ts';

const CONFIG = '/etc/rackboot/rackboot.yaml';
const STATE = '/var/lib/rackboot';
const STATE_DIRECTORIES = ['/etc/rackboot', STATE];
/** The power controllers are in a network of their own. */
const POWER_ADDRESS = '10.99.0.2';
const PLACE: LabPlace = {
  octets: '10.20.0',
  source: ipv4(0),
  dhcpServerPort: 67,
  dhcpClientPort: 68,
  tftpPort: 69,
  dnsPort: 53,
  httpPort: 5248,
  regionPort: 5240,
};
/** Its hardware address is 52:54:00:5a:00:01. */
const MACHINE_INDEX = 1;
const MACHINE_NAME = 'calm-ibis';
/** On a busy host a machine needs many times what it needs alone. */
const STATE_MS_MAX = 300_000;
const COMMAND_MS_MAX = 300_000;
/** Of a stand-in that is loaded and never run. */
const LOADER_BYTES = 30_000;
const LEASE_SECONDS = 3600;

const machinesOfRegion = z.array(
  z.object({
    system_id: z.string(),
    hostname: z.string(),
    status_name: z.string(),
    status_message: z.string(),
    power_type: z.string(),
    power_task: z.string(),
  }),
);

/** The output of a command, on both streams, and its exit status. */
interface Printed {
  readonly code: number | null;
  readonly lines: readonly string[];
}

export class ShownRack {
  readonly #place: string;
  /** The PATH of commands. */
  readonly #path: string;
  readonly #rack: ChildProcess;
  readonly #life: SwitchableMachine;
  readonly #socket: PowerSocket;
  readonly #power: WebhookPower;
  readonly #log: LogLine[] = [];
  #daemon: DaemonProcess | undefined;
  #hasState = false;
  #isKept = false;
  #isClosed = false;
  /** The rack that runs has seen the power of its machine. */
  #knowsPower = false;

  private constructor(place: string, path: string, rack: ChildProcess, power: WebhookPower) {
    this.#place = place;
    this.#path = path;
    this.#rack = rack;
    this.#power = power;
    this.#life = new SwitchableMachine(PLACE, MACHINE_INDEX, { device: 'eth0' });
    this.#socket = power.add(MACHINE_NAME, this.#life);
    this.#life.onOff = () => {
      this.#socket.isOn = false;
    };
    // It has an address as soon as it says so, and answers ARP for no other.
    this.#life.onStep = ({ text }) => {
      const address = /(?:has|up at) (\d+\.\d+\.\d+\.\d+)/.exec(text)?.[1];
      if (text.startsWith('powered on') || address !== undefined) ip('address flush dev eth0');
      if (address !== undefined) ip(`address add ${address}/24 dev eth0`);
    };
  }

  static async open(): Promise<ShownRack> {
    const place = mkdtempSync(join(tmpdir(), 'rackboot-shown-'));
    enterOwnNetwork();
    const path = enterOwnMounts(place);
    mkdirSync(join(place, 'home', '.ssh'), { recursive: true });
    writeFiles(join(place, 'home'));
    const rack = spawn('unshare', ['-n', 'sleep', '3000'], { stdio: 'ignore' });
    const inside = ['-t', String(rack.pid), '-n', '--'];
    const inRack = (command: string): unknown => execFileSync('nsenter', [...inside, ...command.split(' ')]);
    await until(
      () =>
        execFileSync('nsenter', [...inside, 'ip', '-o', 'link'])
          .toString()
          .split('\n').length === 2,
    );
    ip(`link add eth0 type veth peer name eth1 netns ${rack.pid}`);
    ip(`link set eth0 address ${formatMac(mac(0x5254_005a_0000 + MACHINE_INDEX))} up`);
    ip(`link add power0 type veth peer name eth0 netns ${rack.pid}`);
    ip('link set power0 up');
    ip(`address add ${POWER_ADDRESS}/24 dev power0`);
    inRack('ip link set lo up');
    inRack('ip link set eth0 up');
    inRack('ip address add 10.99.0.1/24 dev eth0');
    inRack('ip link set eth1 address 52:54:00:20:00:01 up');
    inRack('ip address add 10.20.0.1/24 dev eth1');
    installMaasWrapper(join(place, 'bin'), path);
    installPowerPrograms(join(place, 'bin'));
    return new ShownRack(place, path, rack, await WebhookPower.start(POWER_ADDRESS));
  }

  /** A page that a time limit has ended throws at its next step. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#life.close();
    this.#power.close();
    await this.#stop();
    this.#rack.kill('SIGKILL');
    removeOwnMounts(this.#place);
  }

  /** Runs the shown commands, in a directory with the files that they name. */
  async run(command: string): Promise<Printed> {
    this.#checkOpen();
    const going = goesOn(command);
    const child = spawn('nsenter', ['-t', String(this.#rack.pid), '-n', '--', 'bash', '-c', `exec 2>&1; ${command}`], {
      cwd: going?.inCheckout ? ROOT : join(this.#place, 'home'),
      env: {
        ...process.env,
        HOME: join(this.#place, 'home'),
        PATH: this.#path,
        NO_COLOR: '1',
      },
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    let text = '';
    const signal = (name: NodeJS.Signals) => () => process.kill(-(child.pid ?? 0), name);
    const late = systemClock.schedule(COMMAND_MS_MAX, signal('SIGKILL'));
    let interruption: Timer | undefined;
    let wasInterrupted = false;
    child.stdout?.on('data', (bytes: Buffer) => {
      text += bytes.toString('utf8');
      if (going?.begins.test(text) !== true) return;
      interruption ??= systemClock.schedule(going.listenMs, () => {
        wasInterrupted = true;
        signal('SIGINT')();
      });
    });
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    late.cancel();
    interruption?.cancel();
    const lines = text.replace(/\n$/, '').split('\n');
    return { code: statusThatCounts(command, code, text, wasInterrupted), lines };
  }

  /** Undoes the effects of the page before, unless that left the rack as it was. */
  enterPage(): void {
    if (!this.#isKept) this.#hasState = false;
    this.#isKept = false;
  }

  /** The next page continues with this rack. */
  keepForNextPage(): void {
    this.#isKept = true;
  }

  /** Takes the steps between commands. */
  async direct(words: string): Promise<void> {
    const [verb = '', ...rest] = words.split(' ');
    switch (verb) {
      case 'nothing':
        return await this.#empty();
      case 'prepared':
        return await this.#prepare();
      case 'tree':
        return makeTree();
      case 'start':
        return await this.#start();
      case 'stop':
        return await this.#stop();
      case 'boot':
        return await this.#bootByHand();
      case 'forgotten':
        await this.#well(`rackboot machines remove ${MACHINE_NAME} --force`);
        await this.#bootByHand();
        return await this.#powerByWebhook();
      case 'power-by-webhook':
        return await this.#powerByWebhook();
      case 'capture':
        return await this.#capture();
      case 'lease':
        return await this.#lease(rest);
      case 'run':
        return await this.#well(rest.join(' '));
      case 'is':
        return await this.#reach(rest.join(' '));
      default:
        throw new Error(`the laboratory knows no "${words}"`);
    }
  }

  async #empty(): Promise<void> {
    await this.#life.off();
    this.#socket.isOn = false;
    await this.#stop();
    for (const directory of STATE_DIRECTORIES) {
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory, { recursive: true });
    }
    this.#hasState = false;
  }

  /** A rack that runs, with an account, a key, an image, and calm-ibis, Ready. */
  async #prepare(): Promise<void> {
    const kept = join(this.#place, 'kept');
    if (!this.#hasState) {
      await this.#empty();
      if (existsSync(kept)) {
        cpSync(kept, '/', { recursive: true });
        vouchForLeases();
      } else {
        await this.#well('rackboot init --interface eth1 --yes --name rack-1');
        await this.#well('rackboot createadmin --username admin --password-file password');
        makeTree();
        await this.#makeReady();
        await this.#stop();
        for (const directory of STATE_DIRECTORIES) cpSync(directory, join(kept, directory), { recursive: true });
      }
      this.#hasState = true;
    }
    await this.#makeReady();
  }

  async #makeReady(): Promise<void> {
    await this.#start();
    if ((await this.#machines()).length === 0) await this.#bootByHand();
    const [machine] = await this.#machines();
    if (machine?.power_type !== 'webhook') await this.#powerByWebhook();
    if (!JSON.stringify(await askDaemon(STATE, '/MAAS/api/2.0/account/prefs/sshkeys/')).includes('ann@desk'))
      await this.#well('rackboot sshkeys add ~/.ssh/id_ed25519.pub');
    if (readImages(join(STATE, 'boot')).images.length === 0)
      await this.#well('rackboot images add site.img --os debian --release bookworm');
    switch (machine?.status_name) {
      case 'New':
        await this.#well(`rackboot machines accept ${MACHINE_NAME}`);
        break;
      case 'Allocated':
      case 'Deployed':
        await this.#well(`rackboot machines release ${MACHINE_NAME}`);
        break;
      default:
    }
    await this.#reach('Ready');
    if (this.#knowsPower) return;
    await this.#well(`rackboot power status ${MACHINE_NAME}`);
    this.#knowsPower = true;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Error('the laboratory is closed');
  }

  async #start(): Promise<void> {
    this.#checkOpen();
    if (this.#daemon !== undefined) return;
    const from = this.#log.length;
    this.#knowsPower = false;
    this.#daemon = await DaemonProcess.start({
      config: CONFIG,
      wrapper: ['nsenter', '-t', String(this.#rack.pid), '-n', '--'],
      onLine: (line) => void this.#log.push(line),
    });
    if (this.#isClosed) await this.#stop();
    this.#checkOpen();
    const isUp = (): boolean => this.#log.slice(from).some(({ event }) => event === 'region.up');
    await eventuallyWithin(STATE_MS_MAX, 'the region', isUp);
    this.#hasState = true;
  }

  async #stop(): Promise<void> {
    await this.#daemon?.stop();
    this.#daemon = undefined;
  }

  /** A person presses its button; it enlists, and goes off. It is called calm-ibis. */
  async #bootByHand(): Promise<void> {
    this.#checkOpen();
    this.#socket.isOn = true;
    await this.#life.on();
    const found = await eventuallyWithin(STATE_MS_MAX, 'the machine', async () => (await this.#machines())[0]);
    if (found.hostname !== MACHINE_NAME)
      await this.#well(`rackboot machines rename ${found.system_id} ${MACHINE_NAME}`);
    await eventuallyWithin(STATE_MS_MAX, 'the machine to be off', () => !this.#socket.isOn);
  }

  async #powerByWebhook(): Promise<void> {
    const words = Object.entries(this.#power.powerParameters(MACHINE_NAME)).map(
      ([name, value]) => `${name}='${value}'`,
    );
    await this.#well(`rackboot power set ${MACHINE_NAME} webhook ${words.join(' ')}`);
  }

  /** Captures the packets while calm-ibis boots, in `boot.pcap`. */
  async #capture(): Promise<void> {
    const words = [
      '-i',
      'eth1',
      '-s',
      '0',
      '-U',
      '--immediate-mode',
      '-w',
      join(this.#place, 'home', 'boot.pcap'),
      'udp',
    ];
    const inside = ['-t', String(this.#rack.pid), '-n', '--', 'tcpdump', '-Z', 'root', ...words];
    const capture = spawn('nsenter', inside, { stdio: ['ignore', 'ignore', 'pipe'] });
    await whileRunning(capture, once(capture.stderr, 'data'));
    await this.#well(`rackboot power on ${MACHINE_NAME} --wait`);
    await eventuallyWithin(STATE_MS_MAX, 'the machine to be off', () => !this.#socket.isOn);
    await endProgram(capture, 'SIGINT');
  }

  /** A client has a lease: hardware address, address, name. */
  async #lease([hardware = '', address = '', name = '']: readonly string[]): Promise<void> {
    const file = join(this.#place, 'home', 'leases.dnsmasq');
    const until = Math.round(systemClock.wallTimeMs() / 1000) + LEASE_SECONDS;
    writeFileSync(file, `${until} ${hardware} ${address} ${name} 01:${hardware}\n`);
    await this.#well(`rackboot leases import ${file}`);
  }

  async #reach(status: string): Promise<void> {
    let last = '';
    await eventuallyWithin(STATE_MS_MAX, `${MACHINE_NAME} to be ${status}`, async () => {
      const [machine] = await this.#machines();
      last = `${machine?.status_name}: ${machine?.status_message}`;
      return machine?.status_name === status && machine.power_task === '';
    }).catch((error: unknown) => {
      throw new Error(`it is ${last}; it did ${this.#life.outcomes.join(', ')}`, { cause: error });
    });
  }

  async #machines() {
    return machinesOfRegion.parse(await askDaemon(STATE, '/MAAS/api/2.0/machines/'));
  }

  async #well(command: string): Promise<void> {
    const { code, lines } = await this.run(command);
    if (code !== 0) throw new Error(`${command}: ${code}\n${lines.join('\n')}`);
  }
}

/** Makes the mark of the leases name the files of a copied state, whose first start would otherwise say that they were put back. */
function vouchForLeases(): void {
  const identity = (path: string) => {
    const { ino, birthtimeNs: born } = statSync(path, { bigint: true });
    return { inode: `${ino}`, born: `${born}` };
  };
  const path = join(STATE, LEASE_MARK_FILE);
  const names = { self: identity(path), database: identity(join(STATE, 'leases.db')) };
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...names }));
}

/** Stands in for programs of power drivers that this host lacks: the pages show a rack that has them, and `init` names each missing one. */
function installPowerPrograms(bin: string): void {
  for (const driver of DRIVER_PROGRAMS.keys())
    for (const { program } of findMissingPrograms(driver))
      writeFileSync(join(bin, program), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
}

/** Makes the files of `rackboot images build`, by name. */
function makeTree(): void {
  const tree = join(STATE, 'boot');
  makeStandInTree(tree);
  for (const name of ['bootx64.efi', 'grubx64.efi', 'ipxe.efi'])
    writeFileSync(join(tree, name), Buffer.alloc(LOADER_BYTES, name));
}

function ip(command: string): void {
  execFileSync('ip', command.split(' '), { stdio: 'pipe' });
}
