// Runs the programs that power drivers use: ipmitool, virsh, ssh-keygen.
//
// 1. No shell, no terminal, no standard input; the locale is C. A program gets only the variables
//    of the environment that it needs to find files.
// 2. Its time and its stored output are bounded. Afterwards, or when the signal is aborted, its
//    whole process group is killed.
// 3. A program does not outlive its time even if this process hangs: timeout(1), which runs it,
//    kills it a second later. So other processes of the region know when no step can be under way.

import { type ChildProcess, spawn } from 'node:child_process';
import { viewBytes } from '../ground/borrowed-bytes.ts';
import type { Clock } from '../ground/clock.ts';
import { errorText, osErrorCode } from '../ground/errors.ts';

/** The most bytes stored of each output stream. Further output is read and discarded. */
export const OUTPUT_BYTES_MAX = 256 * 1024;
/** The exit statuses of timeout(1) if it does not find the program, and if it cannot run it. */
const NOT_FOUND_STATUS = 127;
const NOT_RUN_STATUS = 126;
const INHERITED_VARIABLES = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'TMPDIR',
  'XDG_RUNTIME_DIR',
  'XDG_CONFIG_HOME',
  'XDG_CACHE_HOME',
];

export interface ProgramRun {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The longest run, in milliseconds. */
  readonly timeMs: number;
  /** Further variables. Secrets are passed here, because every user can see arguments. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How a program ended: on its own, killed, or never started. */
export type ProgramEnd =
  | { readonly kind: 'ended'; readonly code: number; readonly out: string; readonly err: string }
  | { readonly kind: 'killed'; readonly out: string; readonly err: string }
  | { readonly kind: 'missing'; readonly program: string }
  /** `said` is the system's error; undefined if the run was cancelled. */
  | { readonly kind: 'not-started'; readonly said?: string };

/** Never rejects. */
export function runProgram(name: string, args: readonly string[], run: ProgramRun): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    if (run.signal.aborted) return resolve({ kind: 'not-started' });
    const inherited = INHERITED_VARIABLES.flatMap((key) =>
      process.env[key] === undefined ? [] : [[key, process.env[key]]],
    );
    const env = { ...Object.fromEntries(inherited), LC_ALL: 'C', ...run.environment };
    // In a process group that can be killed as a whole: virsh runs ssh.
    const seconds = Math.ceil(run.timeMs / 1000) + 1;
    const child = spawn('timeout', ['-s', 'KILL', String(seconds), name, ...args], {
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const getStdout = collectOutput(child.stdout);
    const getStderr = collectOutput(child.stderr);
    let isKilled = false;
    const kill = (): void => {
      isKilled = true;
      killGroup(child);
      // A grandchild outside the group may hold the pipes open.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = run.clock.schedule(run.timeMs, kill);
    run.signal.addEventListener('abort', kill, { once: true });
    const finish = (end: ProgramEnd): void => {
      timer.cancel();
      run.signal.removeEventListener('abort', kill);
      resolve(end);
    };
    child.on('error', (error) => {
      if (child.pid !== undefined) return;
      const isMissing = osErrorCode(error) === 'ENOENT';
      finish(isMissing ? { kind: 'missing', program: 'timeout' } : { kind: 'not-started', said: errorText(error) });
    });
    child.on('close', (code) => {
      if (isKilled || code === null) finish({ kind: 'killed', out: getStdout(), err: getStderr() });
      else if (code === NOT_FOUND_STATUS && getStderr().startsWith('timeout: '))
        finish({ kind: 'missing', program: name });
      else if (code === NOT_RUN_STATUS && getStderr().startsWith('timeout: '))
        finish({ kind: 'not-started', said: getStderr().trim() });
      else finish({ kind: 'ended', code, out: getStdout(), err: getStderr() });
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    // It has just ended on its own.
    if (osErrorCode(error) !== 'ESRCH') throw error;
  }
}

/** @returns a function that returns the output as text */
function collectOutput(stream: NodeJS.ReadableStream): () => string {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    const remainingBytes = OUTPUT_BYTES_MAX - bytes;
    if (remainingBytes <= 0) return;
    chunks.push(viewBytes(chunk, 0, remainingBytes));
    bytes += Math.min(remainingBytes, chunk.length);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
