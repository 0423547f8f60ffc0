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
/** The number of a program's last lines that an error shows, joined. */
const SHOWN_LINES_MAX = 3;

// These programs are terminated with this process, so that they can clean up mounts and unfinished files.
const runningChildren = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of runningChildren) child.kill('SIGTERM');
});

export interface ProgramOptions {
  /** The working directory. If undefined, that of this process. */
  readonly directory?: string;
  /** Environment variables in addition to those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The Debian package of the program, for the message if it is missing. */
  readonly package: string;
  /**
   * The purpose of the program for messages, such as `fetching linux-image-amd64`. If undefined,
   * messages name the program and its arguments.
   */
  readonly task?: string;
  /** The remedy if the program fails. A function gets the errors of the program in one line. */
  readonly remedy?: string | ((why: string) => string);
  /** The standard input. If undefined, it is empty. */
  readonly input?: string;
  /** The program is terminated after this time. The default is RUN_MINUTES_MAX. */
  readonly minutesMax?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onStderrLine?: (line: string) => void;
  readonly onStdoutLine?: (line: string) => void;
}

/**
 * Runs a program to its end. @returns its standard output
 *
 * @throws RackError `tool-missing` if it is not installed; `tool-failed`, with its last output, if
 * it fails or takes too long
 */
export function runProgram(name: string, args: readonly string[], options: ProgramOptions): Promise<Buffer> {
  const { minutesMax = RUN_MINUTES_MAX, onStderrLine, onStdoutLine } = options;
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
      runningChildren.delete(child);
      if (error === null) return resolve(stdout);
      if (osErrorCode(error) === 'ENOENT' && child.pid === undefined) {
        return reject(
          new RackError('tool-missing', `the program ${name} is not installed: ${installLine([options.package])}`, {
            cause: error,
          }),
        );
      }
      const endReason = error.killed === true ? `not finished within ${minutesMax} minutes` : `exit code ${error.code}`;
      const why = formatComplaint(stderr.toString('utf8')) || endReason;
      const task = options.task === undefined ? `${name} ${args.join(' ')}` : `${options.task} (${name})`;
      const remedy = typeof options.remedy === 'function' ? options.remedy(why) : options.remedy;
      const remedySuffix = remedy === undefined ? '' : `; ${remedy}`;
      reject(new RackError('tool-failed', `${task} failed: ${why}${remedySuffix}`, { cause: error }));
    });
    runningChildren.add(child);
    if (onStderrLine !== undefined && child.stderr !== null)
      createInterface({ input: child.stderr }).on('line', onStderrLine);
    if (onStdoutLine !== undefined && child.stdout !== null)
      createInterface({ input: child.stdout }).on('line', onStdoutLine);
    // The error means that the program stopped reading. If it needed the rest, it fails and says so.
    child.stdin?.on('error', () => undefined).end(options.input ?? '');
  });
}

/**
 * Formats the errors of a program in one line: the lines that apt marks with `E:`, or else the last
 * lines.
 */
export function formatComplaint(errorText: string): string {
  const lines = errorText.split('\n').flatMap((line) => line.replace(/\s+/g, ' ').trim() || []);
  const errors = lines.filter((line) => line.startsWith('E: '));
  return (errors.length > 0 ? errors.slice(0, SHOWN_LINES_MAX) : lines.slice(-SHOWN_LINES_MAX))
    .map((line) => line.replace(/^E: /, '').replace(/\.$/, ''))
    .join('; ');
}
