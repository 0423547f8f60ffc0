// Runs a program on a file that may be hostile: qemu-img, tar, bsdtar.
//
// 1. prlimit(1) bounds memory, processor time and size of files; no core is written. Its time is bounded.
// 2. It runs as the user of this process, and gets open files, never names.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cleanText } from '../../ground/clean-text.ts';
import { RackError } from '../../ground/errors.ts';
import { DISK_BYTES_MAX } from './disk-image.ts';
import { type NeededProgram, requirePrograms, searchPath } from './needed-programs.ts';

interface LimitedProgram extends NeededProgram {
  /** The task as the subject of a sentence, for the message if the program is missing. */
  readonly task: string;
  readonly args: readonly string[];
  /** An exit code of success, besides 0. */
  readonly otherSuccessCode?: number;
  /** Writes the input of the program. Undefined if it has none. */
  readonly feed?: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>;
  /** File descriptors that the program finds as /dev/fd/3 and so on. */
  readonly files?: readonly number[];
  /** Called with each piece of output. The program waits until the promise resolves. */
  readonly consume: (piece: Buffer) => void | Promise<void>;
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
const COMPLAINT_CHARACTERS_MAX = 300;

/** Thrown when the program reads no more. Its exit says why. */
class InputClosed extends Error {}

/**
 * Runs the program to its end. If `feed` or `consume` fails or the signal aborts, kills the program
 * and rejects with that error.
 * @returns undefined if it succeeded; otherwise its complaint in one line
 * @throws RackError `tool-missing`
 */
export async function runLimited(run: LimitedProgram): Promise<string | undefined> {
  const { program, task, args, feed, files = [], consume, signal } = run;
  requirePrograms(task, [run, { program: 'prlimit', package: 'util-linux' }]);
  const child = spawn('prlimit', [...LIMITS, '--', program, ...args], {
    env: { PATH: searchPath(), LC_ALL: 'C.UTF-8', MALLOC_ARENA_MAX: '2' },
    stdio: [feed === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...files],
    timeout: MINUTES_MAX * 60_000,
    killSignal: 'SIGKILL',
    ...(signal === undefined ? {} : { signal }),
  });
  const { stdin, stdout, stderr } = child;
  let errors = '';
  stderr?.on('data', (bytes: Buffer) => {
    if (errors.length < COMPLAINT_CHARACTERS_MAX) errors += bytes.toString('utf8');
  });
  const write = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      stdin?.write(bytes, (error) => (error ? reject(new InputClosed()) : resolve()));
    });
  const feedInput = async (): Promise<void> => {
    stdin?.on('error', () => undefined);
    await feed?.(write).catch((error: unknown) => {
      if (!(error instanceof InputClosed)) throw error;
    });
    stdin?.end();
  };
  const consumeOutput = async (): Promise<void> => {
    for await (const piece of stdout ?? []) await consume(piece);
  };
  const killOnError = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    });
  const closed = once(child, 'close');
  const results = await Promise.allSettled([killOnError(consumeOutput()), killOnError(feedInput()), closed]);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  if (child.exitCode === 0 || child.exitCode === run.otherSuccessCode) return undefined;
  const complaint = errors
    .replaceAll(/^(?:qemu-img|tar|bsdtar): /gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return (
    cleanText(complaint, COMPLAINT_CHARACTERS_MAX) || `${program} ended with ${child.exitCode ?? child.signalCode}`
  );
}

/**
 * Runs a program. @returns its output, at most `bytesMax` bytes @throws RackError `tool-failed` if
 * it fails or says more
 */
export async function readProgramText(run: Omit<LimitedProgram, 'consume'>, bytesMax: number): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const why = await runLimited({
    ...run,
    consume: (piece) => {
      bytes += piece.length;
      if (bytes > bytesMax) throw new RackError('tool-failed', `${run.program} says more than ${bytesMax} bytes`);
      pieces.push(piece);
    },
  });
  if (why !== undefined) throw new RackError('tool-failed', why);
  return Buffer.concat(pieces).toString('utf8');
}
