// Programs of others that a benchmark runs: found, or an error that names the line to install them.

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Where npm puts programs of packages, which may be called like a peer. */
const OF_NPM = /\/node_modules\//;

/** The path of `program`. @throws Error that names the package of Debian. */
export function findProgram(program: string, debianPackage: string): string {
  for (const directory of `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`.split(':')) {
    if (OF_NPM.test(directory)) continue;
    const path = join(directory, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  throw new Error(
    `this benchmark needs ${program}: apt-get install --no-install-recommends ${debianPackage} (and stop the service that the package may start)`,
  );
}
