// Gives one test process files of its own: /etc is a copy, /var/lib and /var/log are empty. A directory for programs has `rackboot` of this
// checkout, and a `sudo` that runs its command as the same user; `-u` only names the user of a database.
//
// 1. The mounts belong to a namespace of the main thread, and end with the process. The host sees only the empty directory.
// 2. Only synchronous calls and child processes see the files: Node's thread pool is outside the namespace.
// 3. It needs root.

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';

const ROOT = join(import.meta.dirname, '..', '..');
const CLONE_NEWNS = 0x00020000;

const SUDO = `#!/bin/sh
[ "$1" = -u ] && { export PGUSER="$2"; shift 2; }
exec "$@"
`;

/** Enters the namespace. @param place an empty directory @returns the PATH with its programs */
export function enterOwnMounts(place: string): string {
  const unshare: (flags: number) => number = koffi.load('libc.so.6').func('int unshare(int)');
  if (unshare(CLONE_NEWNS) !== 0) throw new Error(`unshare: error ${koffi.errno()}`);
  const mount = (...words: readonly string[]): unknown => execFileSync('mount', words);
  mount('--make-rprivate', '/');
  mount('-t', 'tmpfs', '-o', 'mode=755', randomUUID(), place);
  cpSync('/etc', join(place, 'etc'), { recursive: true, verbatimSymlinks: true });
  mount('--bind', join(place, 'etc'), '/etc');
  for (const empty of ['/var/lib', '/var/log']) mount('-t', 'tmpfs', '-o', 'mode=755', randomUUID(), empty);
  const programs = join(place, 'bin');
  mkdirSync(programs);
  symlinkSync(join(ROOT, 'bin', 'rackboot.js'), join(programs, 'rackboot'));
  writeFileSync(join(programs, 'sudo'), SUDO, { mode: 0o755 });
  return `${programs}:${process.env.PATH ?? ''}`;
}

/** Removes the directory, the only part that the host sees. */
export function removeOwnMounts(place: string): void {
  execFileSync('umount', ['-l', place]);
  rmSync(place, { recursive: true, force: true });
}
