// Runs programs of the operating system that the builders need: apt-get, dpkg-deb, xz.
//
// 1. A program gets no shell and no terminal. Its language is C, so that its output can be parsed.
// 2. Its time and output are bounded.

import { type ChildProcess, execFile } from 'node:child_process';
import { createInterface } from 'node:readline';
import { osErrorCode, RackError } from '../errors.ts';
import { installLine, searchPath } from './needed-programs.ts';

const RUN_MINUTES_MAX = 15;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** How many of a program's last lines an error shows, joined into one. */
const SHOWN_LINES_MAX = 3;

// A running program may have mounts and unfinished files. It is terminated together with this process, so that it can clean up.
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

/** How to run a program. */
export interface ProgramOptions {
  /** Its working directory; undefined: this process's. */
  readonly directory?: string;
  /** Variables in addition to this process's. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The program's Debian package, for the message if it is missing. */
  readonly package: string;
  /** The purpose, for messages: `fetching linux-image-amd64`. Undefined: messages name the program and its arguments. */
  readonly task?: string;
  /** The remedy if it fails, or the one for its errors in one line. */
  readonly remedy?: string | ((why: string) => string);
  /** Its standard input; undefined: empty. */
  readonly input?: string;
  /** The program is terminated after this many minutes; undefined: 15. */
  readonly minutesMax?: number;
  /** Ends the program; default: it is not ended. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of its standard error. */
  readonly onLine?: (line: string) => void;
  /** Called with each line of its standard output. */
  readonly onOutputLine?: (line: string) => void;
}

/**
 * Runs a program to its end. @returns its standard output
 *
 * @throws RackError `tool-missing` if it is not installed; `tool-failed`, with its last output, if it fails or takes too long
 */
export function runProgram(name: string, args: readonly string[], options: ProgramOptions): Promise<Buffer> {
  const { minutesMax = RUN_MINUTES_MAX, onLine, onOutputLine } = options;
  return new Promise((resolve, reject) => {
    const settings = {
      cwd: options.directory,
      env: { ...process.env, PATH: searchPath(), LC_ALL: 'C', LANGUAGE: '', ...options.environment },
      encoding: 'buffer' as const,
      timeout: minutesMax * 60_000,
      maxBuffer: OUTPUT_BYTES_MAX,
      signal: options.signal,
    };
    const child = execFile(name, [...args], settings, (error, stdout, stderr) => {
      running.delete(child);
      if (error === null) return resolve(stdout);
      if (osErrorCode(error) === 'ENOENT' && child.pid === undefined) {
        return reject(
          new RackError('tool-missing', `the program ${name} is not installed: ${installLine([options.package])}`, {
            cause: error,
          }),
        );
      }
      const late = error.killed === true ? `not finished within ${minutesMax} minutes` : `exit code ${error.code}`;
      const why = complaintOf(stderr.toString('utf8')) || late;
      const task = options.task === undefined ? `${name} ${args.join(' ')}` : `${options.task} (${name})`;
      const remedy = typeof options.remedy === 'function' ? options.remedy(why) : options.remedy;
      const end = remedy === undefined ? '' : `; ${remedy}`;
      reject(new RackError('tool-failed', `${task} failed: ${why}${end}`, { cause: error }));
    });
    running.add(child);
    if (onLine !== undefined && child.stderr !== null) createInterface({ input: child.stderr }).on('line', onLine);
    if (onOutputLine !== undefined && child.stdout !== null)
      createInterface({ input: child.stdout }).on('line', onOutputLine);
    // This error means that the program stopped reading its input. If it needed the rest, it fails and says so.
    child.stdin?.on('error', () => undefined).end(options.input ?? '');
  });
}

/** The errors of a program, in one line: the messages that apt marks with `E:`, not its warnings. If there are none, the last lines. */
export function complaintOf(said: string): string {
  const lines = said.split('\n').flatMap((line) => line.replace(/\s+/g, ' ').trim() || []);
  const errors = lines.filter((line) => line.startsWith('E: '));
  return (errors.length > 0 ? errors.slice(0, SHOWN_LINES_MAX) : lines.slice(-SHOWN_LINES_MAX))
    .map((line) => line.replace(/^E: /, '').replace(/\.$/, ''))
    .join('; ');
}
