// Runs programs of the operating system that the builders need: apt-get, dpkg-deb, xz.
//
// 1. A program gets no shell and no terminal; its language is C, so that its words can be read.
// 2. Its time and its output are bounded.

import { execFile } from 'node:child_process';
import { osErrorCode, RackError } from '../errors.ts';

const RUN_MS_MAX = 15 * 60 * 1000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const SHOWN_LINES_MAX = 6;

/** How to run a program. */
export interface ProgramOptions {
  /** Its working directory; undefined: that of this process. */
  readonly directory?: string;
  /** Variables besides those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The Debian package that has the program, for the message when it is missing. */
  readonly package: string;
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
      const said = stderr.toString('utf8').trim().split('\n').slice(-SHOWN_LINES_MAX).join('\n');
      const why = said === '' ? error.message : said;
      reject(new RackError('tool-failed', `${name} ${args.join(' ')} failed: ${why}`, { cause: error }));
    });
    child.stdin?.end();
  });
}
