// Root's tests in a clone that no other user can enter, as below a home of mode 700: those that run programs as another user do so from a
// place that the other user can read. The clone is this checkout, mounted a second time.
// @host waits

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { describe, test } from 'node:test';
import { missing } from '../support/needs.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const RUN_MS_MAX = 240_000;
/** Files, and the tests in them that run something as another user. */
const TESTS: readonly (readonly [file: string, name: string])[] = [
  ['test/e2e/net/interfaces.test.ts', 'a user without privileges'],
  ['test/e2e/start-failures.test.ts', 'for port 69'],
  ['test/e2e/service.test.ts', 'rights of the unit'],
  ['test/e2e/net/wire.test.ts', 'privilege'],
  ['test/e2e/net/loopback.test.ts', 'without any privilege'],
  ['test/e2e/doctor-host.test.ts', 'capability'],
  ['test/e2e/power-owner.test.ts', 'power key prints the key'],
  ['test/e2e/lab.test.ts', 'refuses --machines 0'],
  ['test/cli/other-user.test.ts', '.'],
  ['test/files/file-tree.test.ts', '.'],
];

test('every file whose tests become another user is among them', () => {
  const own = basename(import.meta.filename);
  const files = globSync('test/**/*.test.ts', { cwd: ROOT }).filter(
    (file) => basename(file) !== own && /\bAS_NOBODY|\bseteuid\b/.test(readFileSync(join(ROOT, file), 'utf8')),
  );
  assert.deepEqual(files.sort(), TESTS.map(([file]) => file).toSorted());
});

describe('root in a clone that others cannot enter', {
  skip: missing('linux', 'root', 'ip', 'unshare', 'mount', 'setpriv', 'udhcpc', 'ssh'),
}, () => {
  for (const [file, name] of TESTS) {
    test(`${file} passes`, { timeout: RUN_MS_MAX }, () => {
      const directory = mkdtempSync(join(tmpdir(), 'rackboot-closed-'));
      const clone = join(directory, 'clone');
      mkdirSync(clone);
      try {
        // The Node of the packages is closed with them.
        const own = relative(realpathSync(join(ROOT, 'node_modules')), process.execPath);
        const node = own.startsWith('..') ? process.execPath : join(clone, 'node_modules', own);
        // A network of its own: the same files run beside this one, on the same ports.
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
    });
  }
});
