// The ground on which two servers are compared: a private network with the server on one processor and the load on another, and a
// fresh server with a fresh state in each round.
//
//   round 1: A, B   round 2: A, B   …        server in the namespace, core 0 │ bridge, cable │ load in a client host, core 1
//
// 1. Everything that is started here is ended here, by its process number, even after a failure.
// 2. Every wait has an end: LOAD_MS_MAX for a load, STOP_MS_MAX for a server. A load ends with its server.
// 3. A load that saw a wrong answer fails the benchmark: a fast wrong server is not measured.
// 4. The server's processor time is that of all its threads and children, counted by a control group where one can be made.

import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { WITHOUT_WARNING } from '../bin/daemon-flags.js';
import { sleep, systemClock } from '../src/ground/clock.ts';
import { errorText } from '../src/ground/errors.ts';
import { DaemonProcess } from '../src/lab/daemon-process.ts';
import { BRIDGE, LabNamespace } from '../src/lab/namespace.ts';
import { type Figure, Figures, RACKBOOT, type Result } from './figure.ts';
import { findProgram } from './peer.ts';
import { busySecondsOfHost, cpuSecondsOf } from './process-cpu.ts';
import { CpuAccount, readCpuSeconds } from './server-cpu.ts';

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
const LOAD_MS_MAX = 600_000;
const STOP_MS_MAX = 10_000;
const OUTPUT_CHARACTERS_MAX = 1024 * 1024;
/** The descriptor by which a load reads the server's processor time. */
const LOAD_CPU_FD = 3;
const CLIENT_MAC = '52:54:00:be:0c:01';

/** A server that runs. */
interface RunningServer {
  stop(): Promise<void>;
}

/** A server that is compared. */
export interface Contender {
  readonly name: string;
  /** The length of its network's prefix. Default: NETWORK_PREFIX. */
  readonly networkPrefix?: number | undefined;
  /** Starts it with its state in `directory`, which is empty; the load waits until it answers. */
  start(ground: Ground, directory: string): Promise<RunningServer>;
  /** The same server from another checkout. */
  from?(checkout: string): Contender;
}

const ROOT = join(import.meta.dirname, '..');
let isBuilt = false;

/** This checkout's Rackboot as it is installed: dist/ is built once in a run. */
export function builtMain(): string {
  if (!isBuilt) execFileSync(process.execPath, [join(ROOT, 'bin', 'build.js')]);
  isBuilt = true;
  return join(ROOT, 'dist', 'main.js');
}

/** The main file of another checkout: of its dist/, if it was built. */
export const mainOf = (checkout: string): string =>
  [join(checkout, 'dist', 'main.js'), join(checkout, 'src', 'main.ts')].find((path) => existsSync(path)) ?? checkout;

/** The private network. */
export class Ground {
  readonly #namespace: LabNamespace;
  readonly #host: string;
  readonly #running = new Set<ChildProcess>();
  readonly #account = CpuAccount.open();
  #serverPid: number | undefined;
  #serverStartedWallMs = 0;
  /** The load, which ends with the server; `#serverEnd`: why the server ended. */
  #load: ChildProcess | undefined;
  #serverEnd: string | undefined;

  /** @throws RackError without root or `ip` */
  constructor(networkPrefix = NETWORK_PREFIX) {
    findProgram('taskset', 'util-linux');
    this.#namespace = LabNamespace.create(`rackboot-bench-${process.pid}`, SERVER, networkPrefix);
    this.#host = this.#namespace.addHost('load', CLIENT_MAC);
    execFileSync('ip', ['-netns', this.#host, 'address', 'add', `${CLIENT}/${networkPrefix}`, 'dev', 'eth0']);
  }

  /** The server's first process. */
  get serverPid(): number {
    if (this.#serverPid === undefined) throw new Error('no server was started');
    return this.#serverPid;
  }

  /** Starts a program of others as the server. */
  async startPeer(
    command: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<RunningServer> {
    const complaints: string[] = [];
    const child = this.#namespace.spawn('taskset', ['-c', String(SERVER_CORE), command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.#keep(child);
    this.#serve(child.pid);
    child.on('exit', (code) => this.#ended(`${command} ended with ${code}: ${complaints.join('')}`));
    const listen = (text: Buffer): void => {
      if (complaints.length < 20) complaints.push(text.toString('utf8'));
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    await sleep(300);
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${complaints.join('')}`);
    // Workers that were forked while the kernel moved their parent are not in its group.
    for (const pid of this.#namespacePids()) this.#account?.add(pid);
    return { stop: () => end(child) };
  }

  /** Starts Rackboot, the whole daemon, with this configuration; `checkout` is the top folder of another version. */
  async startRackboot(directory: string, config: readonly string[], checkout?: string): Promise<RunningServer> {
    const file = join(directory, 'rackboot.yaml');
    writeFileSync(file, config.join('\n'));
    const daemon = await DaemonProcess.start({
      config: file,
      main: checkout === undefined ? builtMain() : mainOf(checkout),
      namespace: this.#namespace,
      core: SERVER_CORE,
      belongsToLab: false,
      awaitReady: false,
      onLine: () => undefined,
      onExit: (code) => this.#ended(`the daemon ended with ${code}`),
    });
    this.#serve(daemon.pid);
    return { stop: async () => void (await daemon.stop()) };
  }

  /** Processor seconds of the server, all its processes and threads. */
  serverCpuSeconds(): number {
    if (this.#account !== undefined) return readCpuSeconds(this.#account.fd);
    return this.#serverPids().reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  }

  /**
   * Runs one of our loads, a file next to this one, with `settings` as its argument. It prints its figures.
   * @throws Error with its error output
   */
  async runLoad(file: string, settings: object): Promise<readonly Figure[]> {
    const serverCpuFd = this.#account === undefined ? undefined : LOAD_CPU_FD;
    const ours = {
      serverPids: this.#serverPids(),
      serverCpuFd,
      serverStartedWallMs: this.#serverStartedWallMs,
      serverCore: SERVER_CORE,
      loadCore: LOAD_CORE,
    };
    const words = [join(import.meta.dirname, file), JSON.stringify({ ...settings, ...ours })];
    const text = await this.runProgram(process.execPath, [WITHOUT_WARNING, ...words]);
    const figures: unknown = JSON.parse(text.slice(text.lastIndexOf('\n[') + 1));
    if (!Array.isArray(figures) || !figures.every(isFigure)) throw new Error(`${file} printed no figures: ${text}`);
    return figures;
  }

  /** Runs a program on the client host and returns its output. @throws Error when it fails or takes LOAD_MS_MAX */
  async runProgram(command: string, args: readonly string[]): Promise<string> {
    const child = this.#namespace.spawn('taskset', ['-c', String(LOAD_CORE), command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', this.#account?.fd ?? 'ignore'],
      host: this.#host,
    });
    this.#keep(child);
    this.#load = child;
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
    this.#load = undefined;
    if (code !== 0) throw new Error(this.#serverEnd ?? `the load ended with ${code}: ${complaints || out}`);
    return out;
  }

  /** Ends what still runs and removes the network. */
  async remove(): Promise<void> {
    await Promise.all([...this.#running].map(end));
    this.#namespace.remove();
    await this.#account?.remove();
  }

  #serve(pid: number | undefined): void {
    this.#serverPid = pid;
    this.#serverStartedWallMs = systemClock.wallTimeMs();
    if (pid !== undefined) this.#account?.add(pid);
  }

  /** A load would wait for the server in vain. */
  #ended(why: string): void {
    this.#serverEnd = why;
    this.#load?.kill('SIGKILL');
  }

  #keep(child: ChildProcess): void {
    this.#running.add(child);
    child.on('exit', () => this.#running.delete(child));
  }

  #serverPids(): readonly number[] {
    return this.#account?.pids() ?? this.#namespacePids();
  }

  /** Everything in the server's namespace: the server and its children. */
  #namespacePids(): readonly number[] {
    const text = execFileSync('ip', ['netns', 'pids', this.#namespace.name], { encoding: 'utf8' });
    return text.split('\n').filter(Boolean).map(Number);
  }
}

/**
 * Measures each contender in turn, `rounds` times; with BENCH_BEFORE, the top folder of another checkout, the Rackboot of that checkout as well.
 * @param mayRepeat whether a round that others disturbed is repeated
 */
export async function compare(
  rounds: number,
  contenders: readonly Contender[],
  measure: Measure,
  mayRepeat?: () => boolean,
): Promise<readonly Result[]> {
  const figures = new Figures();
  const checkout = process.env.BENCH_BEFORE;
  const before = checkout === undefined ? [] : contenders.flatMap((contender) => contender.from?.(checkout) ?? []);
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of [...contenders, ...before]) {
      try {
        figures.add(contender.name, await measureQuietly(contender, measure, mayRepeat));
      } catch (error) {
        throw new Error(`${contender.name}: ${errorText(error)}`, { cause: error });
      }
    }
  }
  return figures.results();
}

/** The figures of one round, and the cores that other processes took meanwhile. */
interface Round {
  readonly figures: readonly Figure[];
  readonly foreignCores: number;
}

/** Measures a server that runs. */
export type Measure = (ground: Ground, contender: Contender) => Promise<readonly Figure[]>;

/**
 * One round of one contender, or the quietest of several.
 * @param mayRepeat whether a round that others disturbed is repeated
 */
export async function measureQuietly(
  contender: Contender,
  measure: Measure,
  mayRepeat: () => boolean = () => true,
): Promise<readonly Figure[]> {
  let best = await measureOnce(contender, measure);
  for (let tries = 1; tries < ROUND_TRIES_MAX && best.foreignCores > FOREIGN_CORES_MAX && mayRepeat(); tries += 1) {
    const again = await measureOnce(contender, measure);
    if (again.foreignCores < best.foreignCores) best = again;
  }
  return [...best.figures, { metric: 'other processes meanwhile', unit: 'cores', value: best.foreignCores }];
}

/** One round of one contender, on its own ground, which it removes. */
async function measureOnce(contender: Contender, measure: Measure): Promise<Round> {
  const ground = new Ground(contender.networkPrefix);
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

/** Rackboot as a contender; `extra` is its configuration besides the network. */
export function rackboot(extra: readonly string[]): Contender {
  const start = (ground: Ground, directory: string, checkout?: string): Promise<RunningServer> => {
    const config = [
      'name: bench',
      // Apart from the configuration, whose directory is watched.
      `state_dir: ${JSON.stringify(join(directory, 'state'))}`,
      'log: { level: warning }',
      ...extra,
      '',
    ];
    return ground.startRackboot(directory, config, checkout);
  };
  return {
    name: RACKBOOT,
    start,
    from: (checkout) => ({ name: 'before', start: (ground, directory) => start(ground, directory, checkout) }),
  };
}

/** The processors of the two sides, for the notes. */
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
