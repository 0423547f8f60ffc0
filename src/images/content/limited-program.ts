// Runs a program on a file that may be hostile: qemu-img, tar, bsdtar.
//
// 1. prlimit(1) bounds memory, processor time and size of files; no core is written. Its time is bounded.
// 2. It runs as the user of this process, with open files: no name is a path for it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cleanText } from '../../ground/clean-text.ts';
import { RackError } from '../../ground/errors.ts';
import { DISK_BYTES_MAX } from './disk-image.ts';
import { type NeededProgram, requirePrograms, searchPath } from './needed-programs.ts';

interface LimitedProgram extends NeededProgram {
  /** As a subject, for the message if the program is missing. */
  readonly task: string;
  readonly words: readonly string[];
  /** An exit code of success, besides 0. */
  readonly alsoGood?: number;
  /** Undefined: no input. */
  readonly feed?: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>;
  /** They are /dev/fd/3 and so on. */
  readonly files?: readonly number[];
  /** The program waits until it resolves. */
  readonly take: (piece: Buffer) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** Ample for the largest preset of xz and for a disk of 2 TiB. */
const MEMORY_BYTES_MAX = 1024 ** 3;
const MINUTES_MAX = 120;
const LIMITS = [
  `--as=${MEMORY_BYTES_MAX}`,
  `--cpu=${MINUTES_MAX * 60}`,
  `--fsize=${DISK_BYTES_MAX}`,
  '--core=0',
  '--nofile=64',
];
const SAID_CHARACTERS_MAX = 300;

/** The program's end says why it reads no more. */
class InputClosed extends Error {}

/**
 * Runs it to its end, or kills it when `feed`, `take` or the signal ends the work, and rejects with
 * their error.
 * @returns undefined if it succeeded; otherwise its complaint in one line
 * @throws RackError `tool-missing`
 */
export async function runLimited(run: LimitedProgram): Promise<string | undefined> {
  const { program, task, words, feed, files = [], take, signal } = run;
  requirePrograms(task, [run, { program: 'prlimit', package: 'util-linux' }]);
  const child = spawn('prlimit', [...LIMITS, '--', program, ...words], {
    env: { PATH: searchPath(), LC_ALL: 'C.UTF-8', MALLOC_ARENA_MAX: '2' },
    stdio: [feed === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...files],
    timeout: MINUTES_MAX * 60_000,
    killSignal: 'SIGKILL',
    ...(signal === undefined ? {} : { signal }),
  });
  const { stdin, stdout, stderr } = child;
  let errors = '';
  stderr?.on('data', (bytes: Buffer) => {
    if (errors.length < SAID_CHARACTERS_MAX) errors += bytes.toString('utf8');
  });
  const write = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      stdin?.write(bytes, (error) => (error ? reject(new InputClosed()) : resolve()));
    });
  const feeding = async (): Promise<void> => {
    stdin?.on('error', () => undefined);
    await feed?.(write).catch((error: unknown) => {
      if (!(error instanceof InputClosed)) throw error;
    });
    stdin?.end();
  };
  const taking = async (): Promise<void> => {
    for await (const piece of stdout ?? []) await take(piece);
  };
  const killing = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    });
  const ended = once(child, 'close');
  const results = await Promise.allSettled([killing(taking()), killing(feeding()), ended]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  if (child.exitCode === 0 || child.exitCode === run.alsoGood) return undefined;
  const complaint = errors
    .replaceAll(/^(?:qemu-img|tar|bsdtar): /gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return cleanText(complaint, SAID_CHARACTERS_MAX) || `${program} ended with ${child.exitCode ?? child.signalCode}`;
}

/** @returns its output, at most `bytesMax` @throws RackError `tool-failed` if it fails or says more */
export async function readProgramText(run: Omit<LimitedProgram, 'take'>, bytesMax: number): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const why = await runLimited({
    ...run,
    take: (piece) => {
      bytes += piece.length;
      if (bytes > bytesMax) throw new RackError('tool-failed', `${run.program} says more than ${bytesMax} bytes`);
      pieces.push(piece);
    },
  });
  if (why !== undefined) throw new RackError('tool-failed', why);
  return Buffer.concat(pieces).toString('utf8');
}
