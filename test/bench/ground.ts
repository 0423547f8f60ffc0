// The ground on which two servers are compared: a private network with the server on one processor and the load on another, and a
// fresh server with a fresh state in each round.
//
//   round 1: A, B   round 2: A, B   …        server in the namespace, core 0 │ bridge, cable │ load in a client host, core 1
//
// 1. Everything that is started here is ended here, by its process number, also after a failure.
// 2. Every wait has an end: LOAD_MS_MAX for a load, STOP_MS_MAX for a server.
// 3. A load that saw a wrong answer fails the benchmark: a fast wrong server is not measured.

import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, systemClock } from '../../src/clock.ts';
import { errorText } from '../../src/errors.ts';
import { DaemonProcess } from '../../src/lab/daemon-process.ts';
import { BRIDGE, LabNamespace } from '../../src/lab/namespace.ts';
import { type Figure, Figures, RACKBOOT, type Result } from './figure.ts';
import { findProgram } from './peer.ts';
import { busySecondsOfHost, cpuSecondsOf } from './process-cpu.ts';

/** The server's address and the load's, in one network. */
export const SERVER = '10.88.0.1';
export const CLIENT = '10.88.0.2';
export const NETWORK = '10.88.0.0';
export const NETWORK_PREFIX = 14;
export { BRIDGE };

const SERVER_CORE = 0;
const LOAD_CORE = Math.min(1, availableParallelism() - 1);
/** A round during which other processes took more cores than this is repeated; the quietest of ROUND_TRIES_MAX counts. */
const FOREIGN_CORES_MAX = 0.3;
const ROUND_TRIES_MAX = 3;
const LOAD_MS_MAX = 240_000;
const STOP_MS_MAX = 10_000;
const OUTPUT_CHARACTERS_MAX = 1024 * 1024;
const CLIENT_MAC = '52:54:00:be:0c:01';

/** A server that runs. */
export interface RunningServer {
  stop(): Promise<void>;
}

/** A server that is compared. */
export interface Contender {
  readonly name: string;
  /** Starts it with its state in `directory`, which is empty; the load waits until it answers. */
  start(ground: Ground, directory: string): Promise<RunningServer>;
}

/** The private network. */
export class Ground {
  readonly #namespace: LabNamespace;
  readonly #host: string;
  readonly #running = new Set<ChildProcess>();

  /** @throws RackError without root or `ip` */
  constructor() {
    findProgram('taskset', 'util-linux');
    this.#namespace = LabNamespace.create(`rackboot-bench-${process.pid}`, SERVER, NETWORK_PREFIX);
    this.#host = this.#namespace.addHost('load', CLIENT_MAC);
    execFileSync('ip', ['-netns', this.#host, 'address', 'add', `${CLIENT}/${NETWORK_PREFIX}`, 'dev', 'eth0']);
  }

  /** Starts a program of others as the server. */
  async startPeer(command: string, args: readonly string[]): Promise<RunningServer> {
    const complaints: string[] = [];
    const child = this.#namespace.spawn('taskset', ['-c', String(SERVER_CORE), command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#keep(child);
    const listen = (text: Buffer): void => {
      if (complaints.length < 20) complaints.push(text.toString('utf8'));
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    await sleep(300);
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${complaints.join('')}`);
    return { stop: () => end(child) };
  }

  /** Starts Rackboot, the whole daemon, with this configuration. */
  async startRackboot(directory: string, config: readonly string[]): Promise<RunningServer> {
    const file = join(directory, 'rackboot.yaml');
    writeFileSync(file, config.join('\n'));
    const daemon = await DaemonProcess.start({
      config: file,
      namespace: this.#namespace,
      core: SERVER_CORE,
      awaitReady: false,
      onLine: () => undefined,
    });
    return { stop: async () => void (await daemon.stop()) };
  }

  /** Processor seconds of the server, all its processes and threads. */
  serverCpuSeconds(): number {
    return this.#serverPids().reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  }

  /**
   * Runs a load of ours, a file beside this one, with `settings` as its argument. What it prints is its figures.
   * @throws Error with what it complained of
   */
  async runLoad(file: string, settings: object): Promise<readonly Figure[]> {
    const words = [join(import.meta.dirname, file), JSON.stringify({ ...settings, serverPids: this.#serverPids() })];
    const text = await this.runProgram(process.execPath, ['--disable-warning=ExperimentalWarning', ...words]);
    const figures: unknown = JSON.parse(text.slice(text.lastIndexOf('\n[') + 1));
    if (!Array.isArray(figures) || !figures.every(isFigure)) throw new Error(`${file} printed no figures: ${text}`);
    return figures;
  }

  /** Runs a program on the client host and returns what it wrote. @throws Error when it fails or takes LOAD_MS_MAX */
  async runProgram(command: string, args: readonly string[]): Promise<string> {
    const child = this.#namespace.spawn('taskset', ['-c', String(LOAD_CORE), command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      host: this.#host,
    });
    this.#keep(child);
    let out = '';
    let complaints = '';
    child.stdout?.on('data', (text: Buffer) => {
      if (out.length < OUTPUT_CHARACTERS_MAX) out += text.toString('utf8');
    });
    child.stderr?.on('data', (text: Buffer) => {
      if (complaints.length < OUTPUT_CHARACTERS_MAX) complaints += text.toString('utf8');
    });
    const late = systemClock.schedule(LOAD_MS_MAX, () => child.kill('SIGKILL'));
    const code = await new Promise((resolve) => child.on('close', resolve));
    late.cancel();
    if (code !== 0) throw new Error(`the load ended with ${code}: ${complaints || out}`);
    return out;
  }

  /** Ends what still runs and removes the network. */
  async remove(): Promise<void> {
    await Promise.all([...this.#running].map(end));
    this.#namespace.remove();
  }

  #keep(child: ChildProcess): void {
    this.#running.add(child);
    child.on('exit', () => this.#running.delete(child));
  }

  /** Everything in the server's namespace: the server and its children. */
  #serverPids(): readonly number[] {
    const text = execFileSync('ip', ['netns', 'pids', this.#namespace.name], { encoding: 'utf8' });
    return text.split('\n').filter(Boolean).map(Number);
  }
}

/** Measures each contender in turn, `rounds` times. */
export async function compare(
  rounds: number,
  contenders: readonly Contender[],
  measure: Measure,
): Promise<readonly Result[]> {
  const figures = new Figures();
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of contenders) {
      try {
        figures.add(contender.name, await measureQuietly(contender, measure));
      } catch (error) {
        throw new Error(`${contender.name}: ${errorText(error)}`, { cause: error });
      }
    }
  }
  return figures.results();
}

/** What one round yields, and the cores that other processes took meanwhile. */
interface Round {
  readonly figures: readonly Figure[];
  readonly foreignCores: number;
}

type Measure = (ground: Ground, contender: Contender) => Promise<readonly Figure[]>;

async function measureQuietly(contender: Contender, measure: Measure): Promise<readonly Figure[]> {
  let best = await measureOnce(contender, measure);
  for (let tries = 1; tries < ROUND_TRIES_MAX && best.foreignCores > FOREIGN_CORES_MAX; tries += 1) {
    const again = await measureOnce(contender, measure);
    if (again.foreignCores < best.foreignCores) best = again;
  }
  return [...best.figures, { metric: 'other processes meanwhile', unit: 'cores', value: best.foreignCores }];
}

/** One round of one contender, on ground of its own, of which nothing is left. */
async function measureOnce(contender: Contender, measure: Measure): Promise<Round> {
  const ground = new Ground();
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-bench-'));
  let server: RunningServer | undefined;
  const clear = async (): Promise<void> => {
    await server?.stop();
    await ground.remove();
    rmSync(directory, { recursive: true, force: true });
  };
  const interrupted = (): void => void clear().then(() => process.exit(130));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    server = await contender.start(ground, directory);
    return await withForeign(ground, () => measure(ground, contender));
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
    await clear();
  }
}

async function withForeign(ground: Ground, measure: () => Promise<readonly Figure[]>): Promise<Round> {
  const ours = (): number => ground.serverCpuSeconds() + cpuSecondsOf('self');
  const [startedAt, busy, own] = [systemClock.now(), busySecondsOfHost(), ours()];
  const figures = await measure();
  const foreign = busySecondsOfHost() - busy - (ours() - own);
  return { figures, foreignCores: Math.max(0, foreign / ((systemClock.now() - startedAt) / 1000)) };
}

/** Rackboot as a contender; `extra` is its configuration beside the network. */
export function rackboot(extra: readonly string[]): Contender {
  return {
    name: RACKBOOT,
    start: (ground, directory) =>
      ground.startRackboot(directory, [
        'name: bench',
        // Apart from the configuration, whose directory is watched.
        `state_dir: ${JSON.stringify(join(directory, 'state'))}`,
        'log: { level: warning }',
        ...extra,
        '',
      ]),
  };
}

/** What processors the two sides have, for the notes. */
export const CORES = `server on core ${SERVER_CORE}, load on core ${LOAD_CORE}`;

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.on('exit', resolve));
  const late = systemClock.schedule(STOP_MS_MAX, () => child.kill('SIGKILL'));
  child.kill('SIGTERM');
  await exited;
  late.cancel();
}

function isFigure(value: unknown): value is Figure {
  return typeof value === 'object' && value !== null && 'metric' in value && 'unit' in value && 'value' in value;
}
