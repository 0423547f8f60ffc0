// Runs programs of the operating system that the builders need: apt-get, dpkg-deb, xz.
//
// 1. A program gets no shell and no terminal; its language is C, so that its words can be read.
// 2. Its time and its output are bounded.

import { execFile } from 'node:child_process';
import { osErrorCode, RackError } from '../errors.ts';

const RUN_MS_MAX = 15 * 60 * 1000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** The most lines of what a program said last that are shown; they become one. */
const SHOWN_LINES_MAX = 3;

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
}

/**
 * Runs a program to its end and returns what it wrote to its standard output.
 *
 * @throws RackError `tool-missing` when it is not installed; `tool-failed`, with its last words, when it fails or takes too long.
 */
export function runProgram(name: string, args: readonly string[], options: ProgramOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settings = {
      cwd: options.directory,
      env: { ...process.env, LC_ALL: 'C', LANGUAGE: '', ...options.environment },
      encoding: 'buffer' as const,
      timeout: RUN_MS_MAX,
      maxBuffer: OUTPUT_BYTES_MAX,
    };
    const child = execFile(name, [...args], settings, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      if (osErrorCode(error) === 'ENOENT' && child.pid === undefined) {
        const remedy = `Install the package ${options.package} (apt-get install ${options.package}).`;
        return reject(
          new RackError('tool-missing', `The program ${name} is not installed. ${remedy}`, { cause: error }),
        );
      }
      const late = error.killed === true ? `no end within ${RUN_MS_MAX / 60_000} minutes` : `exit code ${error.code}`;
      const why = complaintOf(stderr.toString('utf8')) || late;
      const task = options.task === undefined ? `${name} ${args.join(' ')}` : `${options.task} (${name})`;
      const remedy = options.remedy === undefined ? '' : ` ${options.remedy}`;
      reject(new RackError('tool-failed', `${task} failed: ${why}.${remedy}`, { cause: error }));
    });
    child.stdin?.end();
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
