// Runs programs of the operating system that the builders need: apt-get, dpkg-deb, xz.
//
// 1. A program gets no shell and no terminal; its language is C, so that its words can be read.
// 2. Its time and its output are bounded.

import { type ChildProcess, execFile } from 'node:child_process';
import { createInterface } from 'node:readline';
import { osErrorCode, RackError } from '../errors.ts';
import { installLine, searchPath } from './needed-programs.ts';

const RUN_MINUTES_MAX = 15;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** The most lines of what a program said last that are shown; they become one. */
const SHOWN_LINES_MAX = 3;

// One may be mounting and writing: it ends, and tidies up, when this process does.
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

/** How to run a program. */
export interface ProgramOptions {
  /** Its working directory; undefined: that of this process. */
  readonly directory?: string;
  /** Variables besides those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The Debian package that has the program, for the message when it is missing. */
  readonly package: string;
  /** What it is run for: `fetching linux-image-amd64`. Undefined: the program and its arguments are named. */
  readonly task?: string;
  /** What to do when it fails. */
  readonly remedy?: string;
  /** Its standard input; undefined: nothing. */
  readonly input?: string;
  /** Ended after so many minutes; undefined: 15. */
  readonly minutesMax?: number;
  /** Told each line that it writes to its standard error, as it comes. */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs a program to its end and returns what it wrote to its standard output.
 *
 * @throws RackError `tool-missing` when it is not installed; `tool-failed`, with its last words, when it fails or takes too long.
 */
export function runProgram(name: string, args: readonly string[], options: ProgramOptions): Promise<Buffer> {
  const { minutesMax = RUN_MINUTES_MAX, onLine } = options;
  return new Promise((resolve, reject) => {
    const settings = {
      cwd: options.directory,
      env: { ...process.env, PATH: searchPath(), LC_ALL: 'C', LANGUAGE: '', ...options.environment },
      encoding: 'buffer' as const,
      timeout: minutesMax * 60_000,
      maxBuffer: OUTPUT_BYTES_MAX,
    };
    const child = execFile(name, [...args], settings, (error, stdout, stderr) => {
      running.delete(child);
      if (error === null) return resolve(stdout);
      if (osErrorCode(error) === 'ENOENT' && child.pid === undefined) {
        const remedy = `Install it: ${installLine([options.package])}`;
        return reject(
          new RackError('tool-missing', `The program ${name} is not installed. ${remedy}`, { cause: error }),
        );
      }
      const late = error.killed === true ? `no end within ${minutesMax} minutes` : `exit code ${error.code}`;
      const why = complaintOf(stderr.toString('utf8')) || late;
      const task = options.task === undefined ? `${name} ${args.join(' ')}` : `${options.task} (${name})`;
      const remedy = options.remedy === undefined ? '' : ` ${options.remedy}`;
      reject(new RackError('tool-failed', `${task} failed: ${why}.${remedy}`, { cause: error }));
    });
    running.add(child);
    if (onLine !== undefined && child.stderr !== null) createInterface({ input: child.stderr }).on('line', onLine);
    // Who reads none of it has its reasons, and tells them.
    child.stdin?.on('error', () => undefined).end(options.input ?? '');
  });
}

/** What a program complained of, in one line. apt marks its errors; what it marks as less is not why it failed. */
export function complaintOf(said: string): string {
  const lines = said.split('\n').flatMap((line) => line.replace(/\s+/g, ' ').trim() || []);
  const errors = lines.filter((line) => line.startsWith('E: '));
  return (errors.length > 0 ? errors.slice(0, SHOWN_LINES_MAX) : lines.slice(-SHOWN_LINES_MAX))
    .map((line) => line.replace(/^E: /, '').replace(/\.$/, ''))
    .join('; ');
}
