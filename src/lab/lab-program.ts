// How a person runs the command line of this installation, so that the commands a lab prints work as they are printed.

import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/**
 * `rackboot` where the shell finds this very installation by that name; else its first file, run by the Node that has run it.
 * @param cwd the directory in which the person is; npm says where it was called
 */
export function labProgram(
  path: string = process.env.PATH ?? '',
  cwd: string = process.env.INIT_CWD ?? process.cwd(),
): string {
  const own = join(ROOT, 'bin', 'rackboot.js');
  const found = path
    .split(delimiter)
    // npm puts places in front that the person's shell does not have.
    .filter((directory) => directory !== '' && !directory.includes('node_modules'))
    .map((directory) => join(directory, 'rackboot'))
    .find(isProgram);
  if (found !== undefined && existsSync(own) && realpathSync(found) === realpathSync(own)) return 'rackboot';
  const place = relative(cwd, own);
  return `node ${quoted(place.startsWith('..') ? own : place)}`;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A path as a shell takes it. */
const quoted = (path: string): string => (/^[\w./@+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
