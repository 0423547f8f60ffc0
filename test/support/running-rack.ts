// A rack for an end-to-end test: a directory of its own, a configuration, and the real daemon over it, whose log is kept.

import assert from 'node:assert/strict';
import { type SpawnOptions, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { DAEMON_FLAGS } from '../../bin/daemon-flags.js';
import { statusShape } from '../../src/cli/terminal/shapes.ts';
import { askDaemon } from '../../src/control/ask-daemon.ts';
import { systemClock } from '../../src/ground/clock.ts';
import { type DaemonOptions, DaemonProcess, type LogLine } from '../../src/lab/daemon-process.ts';
import { type LabPlace, labConfig, makeStandInTree } from '../../src/lab/safe-lab.ts';
import { nobodysCache, readableCheckout } from './another-user.ts';
import { endProgram, whileRunning } from './child.ts';
import { eventuallyWithin } from './eventually.ts';

const ROOT = join(import.meta.dirname, '..', '..');
export const MAIN = join(ROOT, 'src', 'main.ts');
const END_MS_MAX = 60_000;
/** Of the administrators that are made for a test. */
export const PASSWORD = 'correct horse battery';
/** The longest wait for something that comes without a command, on a busy host. */
const WAIT_MS_MAX = 30_000;

/** Also what no command reads. */
export const wholeStatusShape = statusShape.extend({
  tree: z.object({ problem: z.object({ reason: z.string() }).optional() }).optional(),
  journal: z.object({ available: z.boolean(), reason: z.string().optional() }),
  refused: z.object({ problems: z.array(z.string()) }).optional(),
  restartKeys: z.array(z.string()),
  metricsProblems: z.array(z.string()),
});
type Status = z.infer<typeof wholeStatusShape>;

/** The result of a command. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** Lines of standard error. */
  readonly complaints: readonly string[];
  /** Lines of standard output. */
  readonly output: readonly string[];
}

export function endedWith(code: number | null, out: string, err: string): Ended {
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
  return { code, out, err, complaints: lines(err), output: lines(out) };
}

/** Waits for a command that must succeed. @returns its output */
export async function well(ended: Ended | Promise<Ended>): Promise<string> {
  const { code, out, err } = await ended;
  assert.equal(code, 0, `${out}${err}`);
  return out.trimEnd();
}

/** Waits for a command that must fail. @returns its complaints */
export async function refused(ended: Ended | Promise<Ended>): Promise<string> {
  const { code, out, err } = await ended;
  assert.notEqual(code, 0, out);
  return err.trimEnd();
}

/** Runs the command line to its end; after END_MS_MAX it is killed. `as` is put before the program (`setpriv …`). */
export async function runRackboot(
  args: readonly string[],
  options: { readonly as?: readonly string[]; readonly cwd?: string; readonly endMsMax?: number } = {},
): Promise<Ended> {
  const { as = [] } = options;
  const own = { node: process.execPath, main: MAIN, flags: DAEMON_FLAGS };
  const { node, main, flags } = as.length === 0 ? own : readableMain();
  const [command = node, ...before] = [...as, node];
  const cached = as.length === 0 ? {} : { NODE_COMPILE_CACHE: nobodysCache() };
  const settings: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...cached } };
  const child = spawn(command, [...before, ...flags, main, ...args], {
    ...settings,
    cwd: options.cwd ?? process.cwd(),
  });
  const text = { out: '', err: '' };
  child.stdout?.on('data', (bytes: Buffer) => {
    text.out += bytes.toString('utf8');
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    text.err += bytes.toString('utf8');
  });
  const late = systemClock.schedule(options.endMsMax ?? END_MS_MAX, () => child.kill('SIGKILL'));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  late.cancel();
  return endedWith(code, text.out, text.err);
}

/** The program and its flags, which name files of the same checkout, as another user can run them. */
export function readableMain(): { readonly node: string; readonly main: string; readonly flags: readonly string[] } {
  const { root, node } = readableCheckout();
  return { node, main: join(root, 'src', 'main.ts'), flags: DAEMON_FLAGS.map((flag) => flag.replace(ROOT, root)) };
}

/** A daemon whose log is not read. */
interface QuietDaemon {
  readonly pid: number;
  /** Standard error so far. */
  complaints(): string;
  /** Closes the reading end of its standard output, when that is a pipe. */
  closeOutput(): void;
  /** Asks it to end. @returns its exit code */
  stop(): Promise<number | null>;
}

/**
 * Starts a daemon whose log is not read, and waits until its control socket answers.
 * @param output its standard output: nothing, a pipe, or a descriptor
 */
export async function startQuietly(
  rack: RunningRack,
  output: 'ignore' | 'pipe' | number = 'ignore',
): Promise<QuietDaemon> {
  const child = spawn(process.execPath, [...DAEMON_FLAGS, MAIN, 'run', '--config', rack.configFile], {
    stdio: ['ignore', output, 'pipe'],
  });
  let text = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    text += bytes.toString('utf8');
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  try {
    const answer = eventually('the daemon answers', () => rack.status().catch(() => undefined), END_MS_MAX);
    await whileRunning(child, answer, () => text);
  } catch (error) {
    await endProgram(child, 'SIGKILL');
    throw error;
  }
  return {
    pid: child.pid ?? 0,
    complaints: () => text,
    closeOutput: () => void child.stdout?.destroy(),
    stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** Waits until `condition` gives something; fails after `limitMs` with `what`. */
export function eventually<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = WAIT_MS_MAX,
): Promise<T> {
  return eventuallyWithin(limitMs, what, condition);
}

/** A daemon that can be started, stopped and killed over one directory. */
export class RunningRack {
  readonly directory: string;
  readonly configFile: string;
  readonly stateDir: string;
  /** The boot tree, next to the state. */
  readonly tree: string;
  /** Every line of the log of every life. */
  readonly lines: LogLine[] = [];
  #daemon: DaemonProcess | undefined;

  /** @param edit makes the configuration out of the text for the lab's place */
  constructor(place: LabPlace, edit: (text: string) => string = (text) => text) {
    this.directory = mkdtempSync(join(tmpdir(), 'rackboot-rack-'));
    this.configFile = join(this.directory, 'rackboot.yaml');
    this.stateDir = join(this.directory, 'state');
    this.tree = join(this.directory, 'boot');
    mkdirSync(this.stateDir);
    makeStandInTree(this.tree);
    // Clients of tests are new, and many at once.
    const text = labConfig(place, this.stateDir).replace('dhcp: {', 'dhcp: { new_clients_per_second: 0,');
    this.configure(edit(text.replace('boot: {', `boot: { tree: ${JSON.stringify(this.tree)},`)));
  }

  configure(text: string): void {
    writeFileSync(this.configFile, text);
  }

  /** Starts the daemon and waits until the rack answers. */
  async start(
    options: Pick<
      DaemonOptions,
      'wrapper' | 'command' | 'compileCache' | 'belongsToLab' | 'awaitReady' | 'main' | 'node' | 'onExit'
    > = {},
  ): Promise<DaemonProcess> {
    this.#daemon = await DaemonProcess.start({
      ...options,
      config: this.configFile,
      onLine: (line) => void this.lines.push(line),
    });
    return this.#daemon;
  }

  /** Starts it and waits until the region answers, too. */
  async startWhole(): Promise<DaemonProcess> {
    const from = this.lines.length;
    const daemon = await this.start();
    await this.reported('region.up', { from, limitMs: END_MS_MAX });
    return daemon;
  }

  get pid(): number {
    const pid = this.#daemon?.pid;
    if (pid === undefined) throw new Error('the daemon does not run');
    return pid;
  }

  async kill(): Promise<void> {
    await this.#daemon?.kill();
    this.#daemon = undefined;
  }

  async stop(): Promise<number | null> {
    const code = await this.#daemon?.stop();
    this.#daemon = undefined;
    return code ?? null;
  }

  /** Stops it and removes its directory. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Log lines of one event, from the `from`th line of all. */
  events(event: string, from = 0): LogLine[] {
    return this.lines.slice(from).filter((line) => line.event === event);
  }

  /** Waits for an event in the log. */
  reported(
    event: string,
    options: { readonly from?: number; readonly limitMs?: number; readonly match?: (line: LogLine) => boolean } = {},
  ): Promise<LogLine> {
    const { from = 0, match = () => true } = options;
    return eventually(`${event} in the log`, () => this.events(event, from).find(match), options.limitMs);
  }

  ask(path: string): Promise<unknown> {
    return askDaemon(this.stateDir, path);
  }

  /** Runs the command line with its configuration. */
  rackboot(...words: readonly string[]): Promise<Ended> {
    return runRackboot([...words, '--config', this.configFile]);
  }

  /** Runs a command that must succeed. @returns its output */
  well(...words: readonly string[]): Promise<string> {
    return well(this.rackboot(...words));
  }

  /** Makes an administrator of its region. @returns the API key */
  async administrator(name = 'ann', password = PASSWORD): Promise<string> {
    await this.well('createadmin', '--username', name, '--password', password);
    return await this.well('apikey', '--username', name);
  }

  async status(): Promise<Status> {
    return wholeStatusShape.parse(await this.ask('/status'));
  }
}
