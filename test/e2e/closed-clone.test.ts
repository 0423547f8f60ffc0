// Root's tests in a clone that no other user can enter, as below a home of mode 700: those that run programs as another user do so from a
// place that the other user can read. The clone is this checkout, mounted a second time.
// @host waits

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { describe, test } from 'node:test';
import { missing } from '../support/needs.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const RUN_MS_MAX = 240_000;
/** Files, and the tests in them that run something as another user. */
const TESTS: readonly (readonly [file: string, name: string])[] = [
  ['test/e2e/net/interfaces.test.ts', 'a user without privileges'],
  ['test/e2e/start-failures.test.ts', 'for port 69'],
  ['test/e2e/service.test.ts', 'rights of the unit'],
];

describe('root in a clone that others cannot enter', {
  skip: missing('linux', 'root', 'ip', 'unshare', 'mount', 'setpriv', 'udhcpc'),
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
        const script = 'mount --bind "$1" "$2" && cd "$2" && shift 2 && exec "$@"';
        const run = [node, '--test', `--test-name-pattern=${name}`, join(clone, file)];
        const words = ['-m', '--propagation', 'private', 'sh', '-ec', script, 'sh', ROOT, clone, ...run];
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
