// Finds the peers' programs for a benchmark, or fails with the command to install them.

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** The directories of npm packages' programs, which may have a peer's name. */
const OF_NPM = /\/node_modules\//;

/** The path of `program`. @throws Error naming the Debian package */
export function findProgram(program: string, debianPackage: string): string {
  for (const directory of `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`.split(':')) {
    if (OF_NPM.test(directory)) continue;
    const path = join(directory, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this directory.
    }
  }
  throw new Error(
    `this benchmark needs ${program}: apt-get install --no-install-recommends ${debianPackage} (and stop the service that the package may start)`,
  );
}
