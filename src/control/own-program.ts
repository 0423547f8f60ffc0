// Finds how to run this installation's command line, so that the commands that a lab and
// `rackboot init` print work as printed.

import { existsSync, realpathSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { isExecutable } from '../files/executable.ts';
import { shellWord } from '../ground/clean-text.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/**
 * Returns `rackboot` if the shell finds this installation by that name. Otherwise returns a command
 * that runs its main file with `node`.
 * @param cwd the user's directory, which npm passes on
 */
export function findOwnProgram(
  path: string = process.env.PATH ?? '',
  cwd: string = process.env.INIT_CWD ?? process.cwd(),
): string {
  const mainFile = join(ROOT, 'bin', 'rackboot.js');
  const program = path
    .split(delimiter)
    // npm adds directories that the user's shell does not have.
    .filter((directory) => directory !== '' && !directory.includes('node_modules'))
    .map((directory) => join(directory, 'rackboot'))
    .find(isExecutable);
  if (program !== undefined && existsSync(mainFile) && realpathSync(program) === realpathSync(mainFile))
    return 'rackboot';
  const relativePath = relative(cwd, mainFile);
  return `node ${shellWord(relativePath.startsWith('..') ? mainFile : relativePath)}`;
}
