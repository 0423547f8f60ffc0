// Runs programs of the operating system that the builders need: apt-get, dpkg-deb, xz.
//
// 1. A program gets no shell and no terminal. Its language is C, so that its output can be parsed.
// 2. Its time and output are bounded.

import { type ChildProcess, execFile } from 'node:child_process';
import { createInterface } from 'node:readline';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { installLine, searchPath } from '../content/needed-programs.ts';

const RUN_MINUTES_MAX = 15;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** An error shows so many of a program's last lines, joined. */
const SHOWN_LINES_MAX = 3;

// These programs are terminated with this process, so that they can clean up mounts and unfinished files.
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

export interface ProgramOptions {
  /** Undefined: that of this process. */
  readonly directory?: string;
  /** In addition to this process's. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Its Debian package, for the message if it is missing. */
  readonly package: string;
  /**
   * The purpose for messages: `fetching linux-image-amd64`. Undefined: they name the program and
   * its arguments.
   */
  readonly task?: string;
  /** The remedy if it fails; a function gets its errors in one line. */
  readonly remedy?: string | ((why: string) => string);
  /** Undefined: empty. */
  readonly input?: string;
  /** The program is terminated after this time; default: 15. */
  readonly minutesMax?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: (line: string) => void;
  readonly onOutputLine?: (line: string) => void;
}

/**
 * Runs a program to its end. @returns its standard output
 *
 * @throws RackError `tool-missing` if it is not installed; `tool-failed`, with its last output, if
 * it fails or takes too long
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
      const why = formatComplaint(stderr.toString('utf8')) || late;
      const task = options.task === undefined ? `${name} ${args.join(' ')}` : `${options.task} (${name})`;
      const remedy = typeof options.remedy === 'function' ? options.remedy(why) : options.remedy;
      const end = remedy === undefined ? '' : `; ${remedy}`;
      reject(new RackError('tool-failed', `${task} failed: ${why}${end}`, { cause: error }));
    });
    running.add(child);
    if (onLine !== undefined && child.stderr !== null) createInterface({ input: child.stderr }).on('line', onLine);
    if (onOutputLine !== undefined && child.stdout !== null)
      createInterface({ input: child.stdout }).on('line', onOutputLine);
    // The program stopped reading; if it needed the rest, it fails and says so.
    child.stdin?.on('error', () => undefined).end(options.input ?? '');
  });
}

/** The errors of a program in one line: those that apt marks with `E:`, or else the last lines. */
export function formatComplaint(said: string): string {
  const lines = said.split('\n').flatMap((line) => line.replace(/\s+/g, ' ').trim() || []);
  const errors = lines.filter((line) => line.startsWith('E: '));
  return (errors.length > 0 ? errors.slice(0, SHOWN_LINES_MAX) : lines.slice(-SHOWN_LINES_MAX))
    .map((line) => line.replace(/^E: /, '').replace(/\.$/, ''))
    .join('; ');
}
