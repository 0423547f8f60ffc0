// Runs the programs that speak to BMCs and hypervisors: ipmitool, virsh, ssh-keygen.
//
// 1. No shell, no terminal, nothing on standard input; the language is C. Of this process's environment a program is given what it
//    needs to find things, and nothing else.
// 2. Its time and what is kept of its output are bounded. At the bound, or when the signal is aborted, its whole process group is
//    killed.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '../clock.ts';
import { errorText, osErrorCode } from '../errors.ts';
import { viewBytes } from '../net/borrowed-bytes.ts';

/** What is kept of each stream; more is read and forgotten. */
export const OUTPUT_BYTES_MAX = 256 * 1024;
/** Variables that a program is given. */
const PASSED_ON = ['PATH', 'HOME', 'USER', 'LOGNAME', 'TMPDIR', 'XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME'];

/** How a program is run. */
export interface ProgramRun {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long it may run, in milliseconds. */
  readonly timeMs: number;
  /** Variables besides those that every program is given. A secret is given here, never as an argument, which everybody can see. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How a program ended: by itself, killed at its bound, or never begun. */
export type ProgramEnd =
  | { readonly kind: 'ended'; readonly code: number; readonly out: string; readonly err: string }
  | { readonly kind: 'killed'; readonly out: string; readonly err: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'not-started'; readonly text: string };

/** Runs a program to its end. */
export function runProgram(name: string, args: readonly string[], run: ProgramRun): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    if (run.signal.aborted) return resolve({ kind: 'not-started', text: 'it was called off' });
    const passed = PASSED_ON.flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key]]]));
    const env = { ...Object.fromEntries(passed), LC_ALL: 'C', ...run.environment };
    // A group of its own, which can be killed whole: virsh runs ssh.
    const child = spawn(name, [...args], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const out = keepOutput(child.stdout);
    const err = keepOutput(child.stderr);
    let killed = false;
    const kill = (): void => {
      killed = true;
      killGroup(child);
      // A grandchild that left the group may hold the pipes open.
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
      finish(osErrorCode(error) === 'ENOENT' ? { kind: 'missing' } : { kind: 'not-started', text: errorText(error) });
    });
    child.on('close', (code) => {
      if (killed || code === null) finish({ kind: 'killed', out: out(), err: err() });
      else finish({ kind: 'ended', code, out: out(), err: err() });
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    // It ended in this moment, which is what was wanted.
    if (osErrorCode(error) !== 'ESRCH') throw error;
  }
}

/** @returns what to ask for that which was kept. */
function keepOutput(stream: NodeJS.ReadableStream): () => string {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    const room = OUTPUT_BYTES_MAX - bytes;
    if (room <= 0) return;
    chunks.push(viewBytes(chunk, 0, room));
    bytes += Math.min(room, chunk.length);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
