// A load of machines whose power comes back at the same instant: each gets a lease and reads what it boots, from the address of its lease.
//
//   DISCOVER ─ OFFER ─ REQUEST ─ ACK ─ loader ─ pxelinux.cfg/01-… ─ kernel and initrds that it names
//
// 1. A machine waits for an OFFER as firmware does (`DhcpClient`: 4, 8, 16 s). What it sends again is counted, and every NAK.
// 2. Kernel, initrd and loader are compared byte for byte; a configuration has to name files of the load.
// 3. One machine more asks until the server answers, and reads the loader: so little is compiled before the first storm.
// 4. Each storm is of the same machines in the same process of the server.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ANY, formatMac, type Ipv4, LIMITED_BROADCAST, mac } from '../src/ground/address.ts';
import { type Instant, later, sleep, systemClock } from '../src/ground/clock.ts';
import { DhcpClient } from '../src/lab/dhcp-client.ts';
import { parsePxelinuxConfig } from '../src/lab/loader-config.ts';
import { findErrorName, loadLibc } from '../src/net/linux/libc.ts';
import {
  AF_INET,
  EPOLL_EVENT_BYTES,
  encodeDeviceName,
  encodeInt,
  encodeSocketAddress,
  SO_BINDTODEVICE,
  SO_BROADCAST,
  SOCK_DGRAM,
  SOCK_FLAGS,
  SOL_SOCKET,
} from '../src/net/linux/wire-structs.ts';
import { ArrivingFile } from './arriving-file.ts';
import { TYPE, typeOfReply } from './dhcp-client.ts';
import type { Figure } from './figure.ts';
import { HttpClient } from './http-client.ts';
import { addressOf, finishLoad, readSettings, Span } from './load.ts';
import { TftpClient } from './tftp-client.ts';

/** The settings of the load. */
export interface StormLoad {
  readonly server: string;
  /** The range of the leases, as a prefix: all of it belongs to this host. */
  readonly range: string;
  readonly machines: number;
  /** The hardware address of the first machine; the others have the following ones. */
  readonly firstMac: number;
  readonly by: 'TFTP' | 'HTTP';
  /** The names of the storms, one after the other. */
  readonly storms: readonly string[];
  readonly httpPort: number;
  readonly blockBytes: number;
  /** Names as the machines ask for them, and the paths of the same content for this load. */
  readonly files: readonly { readonly name: string; readonly path: string }[];
}

const READY_MS_MAX = 30_000;
/** How often the server is asked until it is ready. */
const READY_EACH_MS = 200;
const STORM_MS_MAX = 240_000;
/** Between the storms. */
const REST_MS = 1500;
const TFTP_SILENCE_MS = 1000;
const WAKE_EACH_MS = 20;
const EVENTS_MAX = 256;
const EPOLL_CTL_ADD = 1;
/** EPOLLIN, EPOLLOUT, EPOLLET: an event for the connection, and for each arrival. */
const EPOLL_EVENTS = 0x80000005;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** May exceed the host's bound (socket(7)). */
const SO_RCVBUFFORCE = 33;
const HARDWARE_ADDRESS_AT = 28;
/** The storms' transaction ids differ, and those of the probe, whose number is 1. */
const FIRST_STORM = 2;

const settings = readSettings<StormLoad>();
const server = addressOf(settings.server);
const contents = new Map(settings.files.map(({ name, path }) => [name, readFileSync(path)]));
const libc = loadLibc();
const epoll = libc.epoll_create1(0);
const everyone = encodeSocketAddress(LIMITED_BROADCAST, 67);

/** The socket of all DHCP clients: they broadcast, and are answered by broadcast. */
const dhcp = openDhcpSocket();

function openDhcpSocket(): number {
  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_FLAGS, 0);
  const set = (option: number, value: Uint8Array): number =>
    libc.setsockopt(fd, SOL_SOCKET, option, value, value.length);
  set(SO_RCVBUFFORCE, encodeInt(RECEIVE_BUFFER_BYTES));
  set(SO_BROADCAST, encodeInt(1));
  set(SO_BINDTODEVICE, encodeDeviceName('eth0'));
  const own = encodeSocketAddress(ANY, 68);
  if (libc.bind(fd, own, own.length) !== 0) throw new Error(`bind port 68: ${findErrorName(libc.errno())}`);
  return fd;
}

function watch(fd: number, number: number): void {
  const event = Buffer.alloc(EPOLL_EVENT_BYTES);
  event.writeUInt32LE(EPOLL_EVENTS, 0);
  event.writeUInt32LE(number, EPOLL_EVENT_BYTES - 8);
  if (libc.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, event) !== 0) throw new Error(`epoll: ${findErrorName(libc.errno())}`);
}

/** One machine, from its power on until it has all its bytes. */
class Machine {
  readonly #number: number;
  readonly #mac: ReturnType<typeof mac>;
  readonly #dhcp: DhcpClient;
  readonly #isProbe: boolean;
  #reader: TftpClient | HttpClient | undefined;
  #queue: string[] = [];
  #file: ArrivingFile | undefined;
  /** By the readers of the previous files. */
  #repeatsBefore = 0;
  bytes = 0;
  discoversAgain = 0;
  refusals = 0;
  boundAt: Instant | undefined;
  doneAt: Instant | undefined;

  /** @param isProbe whether it stops after its loader */
  constructor(number: number, storm: number, isProbe = false) {
    this.#number = number;
    this.#mac = mac(settings.firstMac + number);
    const uuid = new Uint8Array(16).fill(number & 0xff);
    uuid[15] = number >> 8;
    this.#dhcp = new DhcpClient({ mac: this.#mac, uuid, architecture: 0 }, (storm << 28) | (number << 12));
    this.#isProbe = isProbe;
  }

  /** Requests for files and blocks that had to be repeated. */
  get repeats(): number {
    return this.#repeatsBefore + (this.#reader?.repeats ?? 0);
  }

  /** Switches it on. */
  start(now: Instant): void {
    this.#dhcp.start(now);
    this.#sendDhcp();
  }

  hear(message: Buffer, now: Instant): void {
    if (this.boundAt !== undefined) return;
    if (typeOfReply(message) === TYPE.nak) this.refusals += 1;
    this.#dhcp.receive(message, now);
    this.#sendDhcp();
    const { lease } = this.#dhcp;
    if (lease === undefined) return;
    this.boundAt = now;
    this.#queue.push(lease.file, `pxelinux.cfg/01-${formatMac(this.#mac, '-')}`);
    this.#next();
  }

  receive(): void {
    this.#reader?.receive();
  }

  /** Sends again what was lost; call it periodically. */
  wake(now: Instant): void {
    this.#reader?.wake();
    if (this.#dhcp.deadline === undefined || now < this.#dhcp.deadline) return;
    this.#dhcp.timeout(now);
    if (this.#dhcp.offeredAddress === undefined) this.discoversAgain += 1;
    this.#sendDhcp();
  }

  close(): void {
    this.#reader?.close();
  }

  /** Where it stands. */
  toString(): string {
    if (this.boundAt === undefined) return `${formatMac(this.#mac)} without a lease`;
    const { name, bytes } = this.#file ?? {};
    return `${formatMac(this.#mac)} at ${bytes} of ${name}, ${this.repeats} repeated`;
  }

  #open(address: Ipv4): TftpClient | HttpClient {
    if (settings.by === 'HTTP')
      return new HttpClient(libc, address, server, settings.httpPort, (fd) => watch(fd, this.#number + 1));
    const terms = { server, blockBytes: settings.blockBytes, windowBlocks: 1, silenceMs: TFTP_SILENCE_MS };
    const client = new TftpClient(libc, address, terms);
    watch(client.fd, this.#number + 1);
    return client;
  }

  #next(): void {
    const name = this.#queue.shift();
    const address = this.#dhcp.lease?.address;
    if (name === undefined || address === undefined) {
      this.doneAt = systemClock.now();
      return;
    }
    const content = contents.get(name);
    const isConfig = name.startsWith('pxelinux.cfg/');
    if (content === undefined && !isConfig) throw new Error(`a machine is to load ${name}`);
    this.#file = new ArrivingFile(name, content, (file) => {
      this.bytes += file.bytes;
      if (isConfig) this.#follow(file.text);
      if (this.#isProbe) this.#queue = [];
      this.#next();
    });
    // From a port of its own: a late answer to a repeated request belongs to the previous file.
    this.#repeatsBefore = this.repeats;
    this.#reader?.close();
    this.#reader = this.#open(address);
    this.#reader.begin(this.#file);
  }

  #follow(config: string): void {
    const instruction = parsePxelinuxConfig(config);
    if (instruction?.kind !== 'linux') throw new Error(`a configuration that boots nothing: ${config}`);
    this.#queue.push(instruction.kernel, ...instruction.initrds);
  }

  #sendDhcp(): void {
    for (const bytes of this.#dhcp.takeOutgoing()) libc.sendto(dhcp, bytes, bytes.length, 0, everyone, everyone.length);
  }
}

const events = Buffer.allocUnsafeSlow(EVENTS_MAX * EPOLL_EVENT_BYTES);
const message = Buffer.allocUnsafeSlow(2048);

/** Runs the machines, whose numbers follow `first`, until all are done. @throws Error after `ms` */
function run(machines: readonly Machine[], first: number, ms: number, onWake: (now: Instant) => void = () => {}): void {
  const until = later(systemClock.now(), ms);
  let wakeAt = later(systemClock.now(), WAKE_EACH_MS);
  while (machines.some(({ doneAt }) => doneAt === undefined)) {
    const count = libc.epoll_wait(epoll, events, EVENTS_MAX, WAKE_EACH_MS);
    const now = systemClock.now();
    for (let at = 0; at < count; at += 1) {
      const number = events.readUInt32LE((at + 1) * EPOLL_EVENT_BYTES - 8);
      if (number === 0) hearAll(machines, first, now);
      else machines[number - 1 - first]?.receive();
    }
    if (now < wakeAt) continue;
    if (now > until) {
      const late = machines.filter(({ doneAt }) => doneAt === undefined);
      throw new Error(`${late.length} machines are late after ${ms} ms: ${late.slice(0, 5).join('; ')}`);
    }
    wakeAt = later(now, WAKE_EACH_MS);
    for (const machine of machines) machine.wake(now);
    onWake(now);
  }
}

function hearAll(machines: readonly Machine[], first: number, now: Instant): void {
  for (;;) {
    const length = libc.recv(dhcp, message, message.length, 0);
    if (length < 0) return;
    if (length < HARDWARE_ADDRESS_AT + 6) continue;
    const number = message.readUIntBE(HARDWARE_ADDRESS_AT, 6) - settings.firstMac;
    machines[number - first]?.hear(message.subarray(0, length), now);
  }
}

/** One machine more reads its loader as soon as the server answers. */
function awaitServer(): void {
  const probe = new Machine(settings.machines, 1, true);
  let askAt = systemClock.now();
  run([probe], settings.machines, READY_MS_MAX, (now) => {
    if (probe.boundAt !== undefined || now < askAt) return;
    askAt = later(now, READY_EACH_MS);
    probe.start(now);
  });
  probe.close();
}

function storm(name: string, number: number): readonly Figure[] {
  const machines = Array.from({ length: settings.machines }, (_, index) => new Machine(index, number));
  const span = new Span(settings);
  const startedAt = systemClock.now();
  for (const machine of machines) machine.start(startedAt);
  run(machines, 0, STORM_MS_MAX);
  const { serverCpuSeconds, loadIdle } = span.end();
  for (const machine of machines) machine.close();
  const sum = (count: (machine: Machine) => number): number =>
    machines.reduce((total, machine) => total + count(machine), 0);
  const last = (at: (machine: Machine) => Instant | undefined): number =>
    (Math.max(...machines.map((machine) => at(machine) ?? Number.NaN)) - startedAt) / 1000;
  const prefix = `${settings.by}, ${name}`;
  return [
    { metric: `${prefix}: last has all`, unit: 's', value: last(({ doneAt }) => doneAt) },
    { metric: `${prefix}: last has its lease`, unit: 's', value: last(({ boundAt }) => boundAt) },
    { metric: `${prefix}: server CPU`, unit: 's', value: serverCpuSeconds },
    { metric: `${prefix}: server CPU each GB`, unit: 's', value: (serverCpuSeconds * 1e9) / sum(({ bytes }) => bytes) },
    { metric: `${prefix}: DISCOVERs repeated`, unit: '', value: sum(({ discoversAgain }) => discoversAgain) },
    { metric: `${prefix}: NAKs`, unit: '', value: sum(({ refusals }) => refusals) },
    { metric: `${prefix}: packets or requests repeated`, unit: '', value: sum(({ repeats }) => repeats) },
    { metric: `${prefix}: load's core`, unit: 'share', value: 1 - loadIdle },
  ];
}

execFileSync('ip', ['route', 'replace', 'local', settings.range, 'dev', 'lo']);
watch(dhcp, 0);
awaitServer();
const figures: Figure[] = [];
for (const [index, name] of settings.storms.entries()) {
  if (index > 0) await sleep(REST_MS);
  figures.push(...storm(name, FIRST_STORM + index));
}
finishLoad(figures);
