// Runs a lab's daemon in its own process, like the service, and reads its log.
//
// 1. The daemon of a lab ends with this process, which holds its standard input open.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { flagsFor } from '../../bin/daemon-flags.js';
import { sleep, systemClock, withTimeout } from '../ground/clock.ts';
import { RackError } from '../ground/errors.ts';
import { ENDS_WITH_INPUT } from '../net/ends-with-input.ts';
import type { LabNamespace } from './namespace.ts';

export interface LogLine {
  readonly event: string;
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** How long the daemon may take to become ready, in milliseconds. */
const READY_MS_MAX = 60_000;
/** How long the daemon may take to end after SIGTERM, in milliseconds. */
const STOP_MS_MAX = 30_000;
/**
 * How long to wait for the last lines after the daemon has ended, in milliseconds. A child of the
 * daemon may hold the output open.
 */
const LAST_LINES_MS_MAX = 2000;

export interface DaemonOptions {
  readonly config: string;
  /** The daemon's command and arguments. Default: `run`. */
  readonly command?: readonly string[] | undefined;
  /** Another checkout's main file. Default: this one's. */
  readonly main?: string | undefined;
  /** The Node that runs it. Default: this process's. */
  readonly node?: string | undefined;
  /** Node's flags, which may name files of its checkout. Default: those of this checkout's daemon. */
  readonly flags?: readonly string[] | undefined;
  /** The daemon's private network. */
  readonly namespace?: LabNamespace | undefined;
  /**
   * The processor on which the daemon runs, so that a benchmark's load can have another one. Needs
   * taskset(1).
   */
  readonly core?: number | undefined;
  /** A command that runs the daemon's command line: `strace -D …`. */
  readonly wrapper?: readonly string[] | undefined;
  /** The directory for compiled code (NODE_COMPILE_CACHE); empty for none. Default: this process's. */
  readonly compileCache?: string | undefined;
  /**
   * False for a daemon that may outlive this process, and prepares for a fleet of machines as a
   * service does. Default: true.
   */
  readonly belongsToLab?: boolean | undefined;
  /** False to make `start` return before `daemon.ready`. Default: true. */
  readonly awaitReady?: boolean | undefined;
  readonly onLine: (line: LogLine) => void;
  readonly onExit?: (code: number | null) => void;
}

export class DaemonProcess {
  readonly #child: ChildProcess;
  readonly #ready: Promise<void>;
  readonly #exited: Promise<number | null>;

  private constructor(options: DaemonOptions) {
    const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
    const main = options.main ?? join(import.meta.dirname, '..', `main.${extension}`);
    const serviceArgs = options.command ?? ['run'];
    const { node = process.execPath, flags = flagsFor(main) } = options;
    const daemonCommand = [node, ...flags, main, ...serviceArgs, '--config', options.config];
    const tasksetArgs = options.core === undefined ? [] : ['taskset', '-c', String(options.core)];
    const [command = '', ...args] = [...tasksetArgs, ...(options.wrapper ?? []), ...daemonCommand];
    const spawnOptions: SpawnOptions = { stdio: ['pipe', 'pipe', 'pipe'], env: daemonEnvironment(options) };
    const child = options.namespace?.spawn(command, args, spawnOptions) ?? spawn(command, args, spawnOptions);
    this.#child = child;
    const errorLines: string[] = [];
    this.#exited = new Promise((resolve) => {
      // `close` comes after the log has been read to its end.
      child.on('close', (code) => resolve(code));
      child.on('exit', (code) => void sleep(LAST_LINES_MS_MAX).then(() => resolve(code)));
      child.on('error', () => resolve(1));
    });
    if (child.stderr !== null)
      createInterface({ input: child.stderr }).on('line', (line) => errorLines.push(line.replace(/^rackboot: /, '')));
    this.#ready = new Promise((resolve, reject) => {
      if (child.stdout !== null) {
        createInterface({ input: child.stdout }).on('line', (text) => {
          const line = parseLine(text);
          if (line === undefined) return;
          if (line.event === 'daemon.ready') resolve();
          options.onLine(line);
        });
      }
      child.on('error', reject);
      child.on('close', (code) => {
        options.onExit?.(code);
        reject(new RackError('not-running', errorLines.join('\n') || `the daemon ended with exit code ${code}`));
      });
    });
    this.#ready.catch(() => undefined);
  }

  /** Waits until the daemon is ready. @throws RackError with the daemon's error output */
  static async start(options: DaemonOptions): Promise<DaemonProcess> {
    const daemon = new DaemonProcess(options);
    if (options.awaitReady === false) return daemon;
    try {
      await withTimeout(systemClock, READY_MS_MAX, daemon.#ready, (): never => {
        throw new RackError('not-running', `the daemon did not become ready within ${READY_MS_MAX / 1000} s`);
      });
    } catch (error) {
      daemon.#child.kill('SIGKILL');
      throw error;
    }
    return daemon;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Kills the daemon after STOP_MS_MAX. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    await withTimeout(systemClock, STOP_MS_MAX, this.#exited, () => this.#child.kill('SIGKILL'));
    return await this.#exited;
  }
}

function daemonEnvironment({ compileCache, belongsToLab = true }: DaemonOptions): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE: own, ...rest } = process.env;
  const cache = compileCache ?? own;
  const cacheVariable = cache === undefined || cache === '' ? {} : { NODE_COMPILE_CACHE: cache };
  return { ...rest, ...cacheVariable, ...(belongsToLab ? { [ENDS_WITH_INPUT]: '1' } : {}) };
}

function parseLine(text: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('event' in value) || typeof value.event !== 'string')
      return undefined;
    return { level: 30, msg: '', ...value, event: value.event };
  } catch {
    return undefined;
  }
}
