// How trouble in the same process affects a machine: the time to an OFFER while nothing else happens, while the region computes and
// its database is locked, while the lease store is blocked, while 100 000 events a second are published, and while an image is imported.
//
//   one daemon ─ idle ─ region ─ journal ─ events ─ import ─ (again, ROUNDS times)
//
// 1. All cases run in one process, one after the other, in each round, so that they can be compared.
// 2. The daemon may use both processors, as in service: pinned to one, it would share it with its own region.
// 3. The rack's own thread and the load's run at real-time priority, so that the figures show how long the rack delays itself, not how
//    long other programs of the host keep both from a processor. The threads of the region, the journal and V8 do not.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WITHOUT_WARNING } from '../bin/daemon-flags.js';
import { askDaemon } from '../src/control/ask-daemon.ts';
import { sleep, systemClock } from '../src/ground/clock.ts';
import { DaemonProcess } from '../src/lab/daemon-process.ts';
import { BRIDGE, LabNamespace } from '../src/lab/namespace.ts';
import { eventuallyWithin } from '../test/support/eventually.ts';
import type { Benchmark } from './benchmark.ts';
import type { Noise } from './disturbance.ts';
import { type Figure, Figures, RACKBOOT } from './figure.ts';
import { ImportLoad } from './import-load.ts';
import { findProgram } from './peer.ts';

const ROUNDS = 3;
export const SERVER = '10.87.0.1';
const CLIENT = '10.87.0.2';
const LOAD = { server: SERVER, client: CLIENT, seconds: 8, perSecond: 400, clients: 400, renewEvery: 10 };
/** The lease store is held for HELD_MS, then free for FREE_MS: shorter than the JOURNAL_SLOW_MS after which the rack calls it slow. */
const HELD_MS = 1500;
const FREE_MS = 500;
/** Round robin, at a low real-time priority; threads that are made later do not inherit it. */
const REALTIME = ['-R', '-r'] as const;
const REALTIME_PRIORITY = '1';
/** Of the rack's own thread and of the load of OFFERs. */
const RACK_PRIORITY = '2';
const REGION_MS_MAX = 60_000;
const METRICS = `http://${SERVER}:5249/metrics`;

/** Another process that has a database to itself: always, or on and off. */
function holdDatabase(path: string, heldMs: number, freeMs: number): ChildProcess {
  const code = `const { DatabaseSync } = require('node:sqlite');
    const [path, heldMs, freeMs] = process.argv.slice(1);
    const database = new DatabaseSync(path, { timeout: 5000 });
    const hold = () => {
      try { database.exec('BEGIN IMMEDIATE'); } catch { return setTimeout(hold, 10); }
      console.log('held');
      setTimeout(() => { database.exec('ROLLBACK'); setTimeout(hold, Number(freeMs)); }, Number(heldMs));
    };
    hold();`;
  const args = [WITHOUT_WARNING, '-e', code, path, String(heldMs), String(freeMs)];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** One daemon in a namespace of its own, and a host that loads it. */
export class Ground {
  readonly directory = mkdtempSync(join(tmpdir(), 'rackboot-isolation-'));
  readonly imports = new ImportLoad(this.directory, this.stateDir);
  readonly #namespace = LabNamespace.create(`rackboot-isolation-${process.pid}`, SERVER, 16);
  readonly #host: string;
  #daemon: DaemonProcess | undefined;

  constructor() {
    this.#host = this.#namespace.addHost('load', '52:54:00:be:15:01');
    execFileSync('ip', ['-netns', this.#host, 'address', 'add', `${CLIENT}/16`, 'dev', 'eth0']);
  }

  get stateDir(): string {
    return join(this.directory, 'state');
  }

  async start(): Promise<void> {
    const config = join(this.directory, 'rackboot.yaml');
    const text = [
      'name: bench',
      `state_dir: ${JSON.stringify(this.stateDir)}`,
      'cluster_interfaces:',
      `  - { name: bench, interface: ${BRIDGE}, management: 1, ip: ${SERVER}, network: 10.87.0.0/16, ip_range_low: 10.87.10.0, ip_range_high: 10.87.20.255 }`,
      'dhcp: { new_clients_per_second: 1000000 }',
      'dns: { listen: [] }',
      `log: { file: ${JSON.stringify(join(this.directory, 'log'))} }`,
      `metrics: { listen: ["${SERVER}:5249"] }`,
      '',
    ];
    writeFileSync(config, text.join('\n'));
    const own = process.env.NODE_OPTIONS;
    process.env.NODE_OPTIONS = `${own ?? ''} --import=${join(import.meta.dirname, 'disturbance.ts')}`;
    process.env.RACKBOOT_DISTURBANCE = this.directory;
    try {
      this.#daemon = await DaemonProcess.start({
        config,
        namespace: this.#namespace,
        belongsToLab: false,
        awaitReady: false,
        onLine: () => undefined,
      });
      this.#prioritizeRack();
    } finally {
      if (own === undefined) delete process.env.NODE_OPTIONS;
      else process.env.NODE_OPTIONS = own;
    }
  }

  /** Waits for the region, which is ready later than the rack. */
  async ready(): Promise<void> {
    await eventuallyWithin(REGION_MS_MAX, 'the region answers', () =>
      askDaemon(this.stateDir, '/MAAS/api/2.0/boot-sources/').catch(() => undefined),
    );
  }

  /** Runs the threads that the daemon has by now at real-time priority: below the rack's own thread the region's, and those it waits for. */
  prioritizeAll(): void {
    const ofAllThreads = ['-a', ...REALTIME, '-p', REALTIME_PRIORITY, String(this.#daemon?.pid ?? 0)];
    execFileSync(findProgram('chrt', 'util-linux'), ofAllThreads);
    this.#prioritizeRack();
  }

  #prioritizeRack(): void {
    const ofThread = [...REALTIME, '-p', RACK_PRIORITY, String(this.#daemon?.pid ?? 0)];
    execFileSync(findProgram('chrt', 'util-linux'), ofThread);
  }

  /** Runs a program in the namespace at the region's priority. @returns what it printed */
  runPrioritized(...command: readonly [string, ...string[]]): Promise<string> {
    return this.run(undefined, 'chrt', ...REALTIME, REALTIME_PRIORITY, ...command);
  }

  /** Prepares the imports. */
  async prepare(): Promise<void> {
    await this.ready();
    await this.imports.open(this.#namespace);
  }

  /** Switches a disturbance from within on or off. @param noise which events */
  disturb(name: 'events' | 'region', on: boolean, noise?: Noise): void {
    const file = join(this.directory, name);
    if (on) writeFileSync(file, noise === undefined ? '' : JSON.stringify(noise));
    else rmSync(file, { force: true });
  }

  async load(label: string): Promise<readonly Figure[]> {
    const file = join(import.meta.dirname, 'offer-load.ts');
    const settings = JSON.stringify({ ...LOAD, label, serverPids: [this.#daemon?.pid ?? 0] });
    const node = [process.execPath, WITHOUT_WARNING, file, settings];
    const text = await this.run(this.#host, 'chrt', ...REALTIME, RACK_PRIORITY, ...node);
    return JSON.parse(text.slice(text.lastIndexOf('\n[') + 1));
  }

  /** A counter of the daemon, summed over its labels. */
  async counter(name: string, labels = ''): Promise<number> {
    const code = `fetch('${METRICS}').then((answer) => answer.text()).then((text) => console.log(text))`;
    const text = await this.run(undefined, process.execPath, '-e', code);
    const lines = text.split('\n').filter((line) => line.startsWith(name) && line.includes(labels));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Runs a program in the namespace, or at one of its hosts. @returns what it printed */
  async run(host: string | undefined, command: string, ...args: readonly string[]): Promise<string> {
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    const child = this.#namespace.spawn(command, args, { stdio, ...(host === undefined ? {} : { host }) });
    let [out, complaints] = ['', ''];
    child.stdout?.on('data', (part: Buffer) => {
      out += part.toString('utf8');
    });
    child.stderr?.on('data', (part: Buffer) => {
      complaints += part.toString('utf8');
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`${args[0]} ended with ${code}: ${complaints}`);
    return out;
  }

  async remove(): Promise<void> {
    await this.imports.close();
    await this.#daemon?.kill();
    this.#namespace.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Runs `measure` while the database is held. */
async function whileHeld<T>(path: string, heldMs: number, freeMs: number, measure: () => Promise<T>): Promise<T> {
  const holder = holdDatabase(path, heldMs, freeMs);
  try {
    if (holder.stdout !== null) await once(holder.stdout, 'data');
    return await measure();
  } finally {
    holder.kill('SIGKILL');
  }
}

async function round(ground: Ground, figures: Figures): Promise<void> {
  const add = (list: readonly Figure[]): void => figures.add(RACKBOOT, list);
  add(await ground.load('idle'));

  ground.disturb('region', true);
  add(await whileHeld(join(ground.stateDir, 'region.db'), 3_600_000, 0, () => ground.load('region blocked')));
  ground.disturb('region', false);
  await sleep(3000);

  add(await whileHeld(join(ground.stateDir, 'leases.db'), HELD_MS, FREE_MS, () => ground.load('journal blocked')));
  await sleep(1000);

  const [published, missed] = ['rackboot_events_published_total', 'rackboot_events_missed_total'];
  const before = [await ground.counter(published), await ground.counter(missed, '"log"')] as const;
  ground.disturb('events', true);
  add(await ground.load('100 000 events/s'));
  ground.disturb('events', false);
  const after = [await ground.counter(published), await ground.counter(missed, '"log"')] as const;
  const count = after[0] - before[0];
  add([
    { metric: '100 000 events/s, published in all', unit: 'events', value: count },
    { metric: '100 000 events/s, of them not logged', unit: 'share', value: (after[1] - before[1]) / count },
  ]);
  // The region stores the events that it got, and the rack's heap settles.
  while ((await ground.counter('rackboot_outbox_events_waiting')) > 0) await sleep(500);
  await sleep(2000);

  add(await ground.imports.besides(() => ground.load('the same by curl')));
  await sleep(1000);
  await ground.imports.begin();
  const [beganAt, had] = [systemClock.now(), await ground.imports.bytes()];
  add(await ground.load('import'));
  const rate = ((await ground.imports.bytes()) - had) / 1e3 / (systemClock.now() - beganAt);
  add([{ metric: 'import, brought meanwhile', unit: 'MB/s', value: rate }]);
  await ground.imports.end();
  await sleep(1000);
}

/** Latency during trouble. */
export const isolationBenchmark: Benchmark = {
  what: 'isolation',
  notes: [
    `${LOAD.perSecond} queries/s on schedule from ${LOAD.clients} clients with leases, one of ${LOAD.renewEvery} a renewal, ${LOAD.seconds} s a case; one daemon, both cores; medians of ${ROUNDS} rounds.`,
    "The rack's own thread and the load's run at real-time priority (chrt), its other threads do not: what other programs take is left out.",
    'Region blocked: its thread computes without a pause and another process holds region.db.',
    `Journal blocked: another process holds leases.db for ${HELD_MS} ms of every ${HELD_MS + FREE_MS}; ACKs wait for it, OFFERs must not.`,
    'Import: the region downloads a disk image of 6 GiB from a server on this host, hashes, converts and stores it, as fast as it can.',
    'The same by curl: curl, tee and sha256sum, other processes, download, hash and store it meanwhile: what the host itself costs.',
    'Events: published into the ring of the daemon with all its readers (log at info, timeline, region); events that readers do not keep up with count as missed.',
  ],
  async run() {
    const ground = new Ground();
    try {
      await ground.start();
      const figures = new Figures();
      // Compiles the hot paths; not counted.
      await ground.load('warm-up');
      await ground.prepare();
      for (let count = 0; count < ROUNDS; count += 1) await round(ground, figures);
      return figures.results();
    } finally {
      await ground.remove();
    }
  },
};
