// Settings that would keep machines from booting: judged by the boot tree, and only if they changed.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findBootStops, type JudgedBoot } from '../../src/config/boot-stops.ts';

test('a release or an installer missing in the tree is reported with the existing ones, unless the setting is unchanged', () => {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-stops-'));
  const boot = (commissioningRelease: string, enlistWith: JudgedBoot['enlistWith'] = 'environment'): JudgedBoot => ({
    tree,
    commissioningRelease,
    enlistWith,
  });
  const keysOf = (after: JudgedBoot, before?: JudgedBoot): readonly string[] =>
    findBootStops(after, before).map(({ key }) => key);
  try {
    assert.deepEqual(keysOf(boot('forky', 'installer')), [], 'an empty tree is not judged');
    assert.deepEqual(keysOf({ ...boot('forky'), tree: '/nowhere' }), []);
    for (const [release, purpose] of [
      ['trixie', 'commissioning'],
      ['bookworm', 'commissioning'],
      ['trixie', 'install'],
    ] as const) {
      const directory = join(tree, 'arm64', 'generic', release, purpose);
      mkdirSync(directory, { recursive: true });
      for (const name of ['linux', 'initrd.gz']) writeFileSync(join(directory, name), '');
    }
    mkdirSync(join(tree, 'amd64', 'generic', 'sid', 'commissioning'), { recursive: true });
    assert.deepEqual(keysOf(boot('trixie', 'installer')), []);
    assert.deepEqual(keysOf(boot('bookworm', 'installer')), ['boot.enlist_with']);
    assert.deepEqual(keysOf(boot('sid', 'installer')), ['boot.release', 'boot.enlist_with'], 'its files are not there');
    assert.match(
      findBootStops(boot('sid'))[0]?.message ?? '',
      /it has bookworm, trixie\. First: rackboot images build/,
    );
    assert.deepEqual(keysOf(boot('sid'), boot('sid')), []);
    assert.deepEqual(keysOf(boot('sid', 'installer'), boot('sid')), ['boot.release', 'boot.enlist_with']);
  } finally {
    rmSync(tree, { recursive: true });
  }
});
