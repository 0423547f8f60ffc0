// Checks for all programs of a long build before it begins, so that a person can install the
// missing ones at once.

import { delimiter, join } from 'node:path';
import { isExecutable } from '../../files/executable.ts';
import { RackError } from '../../ground/errors.ts';

/** A program of the operating system, and its Debian package. */
export interface NeededProgram {
  readonly program: string;
  readonly package: string;
}

/** Debian's directories of root's programs. The PATH of other users lacks them. */
const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The PATH with which programs are found and run. */
export const searchPath = (ownPath: string = process.env.PATH ?? ''): string =>
  [...new Set([...ownPath.split(delimiter), ...SYSTEM_DIRECTORIES])]
    .filter((directory) => directory !== '')
    .join(delimiter);

export const installLine = (packages: readonly string[]): string =>
  `sudo apt-get install ${[...new Set(packages)].join(' ')}`;

/**
 * Refuses a task that lacks a program.
 *
 * @param task as a subject: `Making a Debian image`
 * @param path as PATH
 * @throws RackError `tool-missing` naming all missing programs, and the command that installs them
 */
export function requirePrograms(task: string, programs: readonly NeededProgram[], path: string = searchPath()): void {
  const directories = path.split(delimiter);
  const missing = programs.filter(({ program }) => !directories.some((place) => isExecutable(join(place, program))));
  if (missing.length === 0) return;
  const names = missing.map(({ program }) => program);
  const list = names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  const command = installLine(missing.map((program) => program.package));
  throw new RackError('tool-missing', `${task} needs ${list}, which this host lacks: ${command}`);
}
