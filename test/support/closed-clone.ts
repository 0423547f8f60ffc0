// Root's tests in a clone that no other user can enter, as below a home of mode 700: those that run programs as another user do so from a
// place that the other user can read. The clone is this checkout, mounted a second time.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { missing } from './needs.ts';

export const ROOT = dirname(dirname(import.meta.dirname));
export const RUN_MS_MAX = 240_000;
export const SKIP = missing('linux', 'root', 'ip', 'unshare', 'mount', 'setpriv', 'udhcpc', 'ssh');

/** A file, and the tests in it that run something as another user. */
type ClosedFile = readonly [file: string, name: string];
/** The short suite has these, */
export const FIRST: readonly ClosedFile[] = [
  ['test/e2e/net/interfaces.test.ts', 'a user without privileges'],
  ['test/cli/other-user.test.ts', '.'],
];
/** and the long one these. */
export const FURTHER: readonly ClosedFile[] = [
  ['test/e2e/service.test.ts', 'rights of the unit'],
  ['test/e2e/net/wire.test.ts', 'privilege'],
  ['test/e2e/net/loopback.test.ts', 'without any privilege'],
  ['test/e2e/doctor-host.test.ts', 'capability'],
  ['test/e2e/power-owner.test.ts', 'power key prints the key'],
  ['test/e2e/local-user.test.ts', 'another user'],
  ['test/e2e/lab.test.ts', 'refuses --machines 0'],
  ['test/long/lab.test.ts', 'refuses --machines 201'],
  ['test/long/start-failures.test.ts', 'may not be entered'],
  ['test/files/file-tree.test.ts', '.'],
  ['test/files/found-stats.test.ts', '.'],
  ['test/files/read-fault.test.ts', '.'],
  ['test/images/sources/seen-sweep.test.ts', '.'],
  ['test/images/store-error.test.ts', 'another user'],
  ['test/store/state-lock.test.ts', 'a user who may not write'],
];

/** Runs a file's tests in the closed clone, and demands that they pass. */
export function passesInClosedClone([file, name]: ClosedFile): void {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-closed-'));
  const clone = join(directory, 'clone');
  mkdirSync(clone);
  try {
    // The Node of the packages is closed with them.
    const own = relative(realpathSync(join(ROOT, 'node_modules')), process.execPath);
    const node = own.startsWith('..') ? process.execPath : join(clone, 'node_modules', own);
    // A network of its own: the same files run at the same time, on the same ports.
    const script = 'ip link set lo up && mount --bind "$1" "$2" && cd "$2" && shift 2 && exec "$@"';
    const run = [node, '--test', `--test-name-pattern=${name}`, join(clone, file)];
    const words = ['-m', '-n', '--propagation', 'private', 'sh', '-ec', script, 'sh', ROOT, clone, ...run];
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout } = spawnSync('unshare', words, { encoding: 'utf8', env, timeout: RUN_MS_MAX });
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^. pass [1-9]/m, stdout);
  } finally {
    // Never recursively: its contents are mounted.
    rmdirSync(clone);
    rmdirSync(directory);
  }
}
