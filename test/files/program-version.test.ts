// The version that `rackboot --version` prints.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readBuild } from '../../src/files/program-version.ts';
import { missing } from '../support/needs.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';

test('a package names the commit that it was made from, if it says so', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'rackboot-version-'));
  t.after(() => rmSync(root, { recursive: true }));
  const build = (more: object): string => {
    writeFileSync(join(root, 'package.json'), JSON.stringify({ version: '1.2.3', ...more }));
    return readBuild(root);
  };
  assert.equal(build({}), '1.2.3');
  assert.equal(build({ gitHead: COMMIT }), '1.2.3 (commit 0123456789ab)');
  assert.equal(build({ gitHead: '$COMMIT' }), '1.2.3');
});

test('a checkout names its commit: of a branch, of packed references, and detached', { skip: missing('git') }, (t) => {
  const root = mkdtempSync(join(tmpdir(), 'rackboot-version-'));
  t.after(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, 'package.json'), '{"version":"1.2.3"}');
  const git = (...args: string[]): string => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' }).trim();
  git('init', '-q', '-b', 'some/branch');
  assert.equal(readBuild(root), '1.2.3', 'no commit yet');
  git('-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'first');
  const expected = `1.2.3 (commit ${git('rev-parse', 'HEAD').slice(0, 12)})`;
  assert.equal(readBuild(root), expected);
  git('pack-refs', '--all');
  assert.equal(readBuild(root), expected);
  git('checkout', '-q', '--detach');
  assert.equal(readBuild(root), expected);
});
