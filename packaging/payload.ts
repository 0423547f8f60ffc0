// What runs, in every kind of package: the starter, dist/, and a package.json that names the commit and only those packages that dist/ needs.

import { execFileSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from './pinned.ts';
import { PACKAGE, type Release } from './release.ts';

/** Of bin/, all that is not for sources. */
const STARTER = ['rackboot.js', 'find-node.js', 'cache-place.js', 'daemon-flags.js', 'load-bundle.cjs'];
/** The sources of images that Rackboot knows. */
const SOURCES = 'config/image-sources.yaml';
/** The one package that is no part of dist/: it has native code. */
const NATIVE = 'koffi';

/** Copies a file or a directory of the project, without what git does not know. */
export function copyOwn(name: string, to: string): void {
  const listed = execFileSync('git', ['-C', ROOT, 'ls-files', '-z', name], { encoding: 'utf8' });
  for (const path of listed.split('\0').slice(0, -1)) cpSync(join(ROOT, path), join(to, relative(name, path)));
}

/** Builds it. @param directory need not exist */
export function makePayload(directory: string, { version, commit }: Release): void {
  for (const name of STARTER) copyOwn(join('bin', name), join(directory, 'bin', name));
  copyOwn(SOURCES, join(directory, SOURCES));
  execFileSync(process.execPath, [join(ROOT, 'bin', 'build.js'), join(directory, 'dist')], { stdio: 'inherit' });
  const { name, description, license, engines, dependencies, optionalDependencies } = PACKAGE;
  const about = {
    name,
    version,
    description,
    license,
    type: 'module',
    bin: { rackboot: 'bin/rackboot.js' },
    engines,
    dependencies: { [NATIVE]: dependencies[NATIVE] },
    optionalDependencies,
    gitHead: commit,
  };
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(about, undefined, 2)}\n`);
}
