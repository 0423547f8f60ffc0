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
      /the tree has the environment of bookworm, trixie\. First: rackboot images build/,
    );
    assert.deepEqual(keysOf(boot('sid'), boot('sid')), []);
    assert.deepEqual(keysOf(boot('sid', 'installer'), boot('sid')), ['boot.release', 'boot.enlist_with']);
  } finally {
    rmSync(tree, { recursive: true });
  }
});

test('each architecture that has an environment and would lose it is reported, and no other', () => {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-stops-'));
  const boot = (commissioningRelease: string, enlistWith: JudgedBoot['enlistWith'] = 'environment'): JudgedBoot => ({
    tree,
    commissioningRelease,
    enlistWith,
  });
  try {
    for (const [architecture, release, purpose] of [
      ['amd64', 'bookworm', 'commissioning'],
      ['arm64', 'bookworm', 'commissioning'],
      ['arm64', 'trixie', 'commissioning'],
      ['arm64', 'trixie', 'install'],
      ['i386', 'sid', 'commissioning'],
    ] as const) {
      const directory = join(tree, architecture, 'generic', release, purpose);
      mkdirSync(directory, { recursive: true });
      for (const name of ['linux', 'initrd.gz']) writeFileSync(join(directory, name), '');
    }
    const [lost, ...others] = findBootStops(boot('trixie'), boot('bookworm'));
    assert.deepEqual(others, []);
    assert.equal(lost?.key, 'boot.release');
    assert.match(
      lost?.message ?? '',
      /no environment of trixie for amd64, .*bookworm for amd64\. First: rackboot images build --release trixie --arch amd64; or,.* remove \S+\/amd64$/,
    );
    assert.deepEqual(
      findBootStops(boot('bookworm'), boot('trixie')),
      [],
      'amd64 and arm64 have it, i386 had none before',
    );
    assert.deepEqual(findBootStops(boot('bookworm'), boot('bookworm')), []);
    const all = findBootStops(boot('bookworm'));
    assert.equal(all.length, 1, 'without a former setting, every architecture with an environment is judged');
    assert.match(all[0]?.message ?? '', /the tree has the environment of sid for i386/);
    assert.doesNotMatch(all[0]?.message ?? '', /amd64|arm64/);
    const installer = findBootStops(boot('trixie', 'installer'), boot('bookworm'));
    assert.deepEqual(
      installer.map(({ key }) => key),
      ['boot.release', 'boot.enlist_with'],
    );
    assert.match(installer[1]?.message ?? '', /no installer of trixie for amd64, .*no other installer for amd64/);
  } finally {
    rmSync(tree, { recursive: true });
  }
});

test('an imported system that is missing is reported with the others, and the architectures that would not enlist any more', () => {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-stops-'));
  const boot = (enlistWith: JudgedBoot['enlistWith']): JudgedBoot => ({
    tree,
    commissioningRelease: 'bookworm',
    enlistWith,
  });
  const put = (directory: string, ...names: readonly string[]): void => {
    mkdirSync(join(tree, directory), { recursive: true });
    for (const name of names) writeFileSync(join(tree, directory, name), '');
  };
  const system = ['boot-kernel', 'boot-initrd', 'squashfs'];
  const noble = { os: 'ubuntu', release: 'noble', label: undefined };
  try {
    put('ubuntu/amd64/generic/jammy/stable', ...system);
    assert.deepEqual(findBootStops(boot(noble)), [], 'a tree without images of ours is not judged');
    for (const architecture of ['amd64', 'arm64'])
      put(`${architecture}/generic/bookworm/commissioning`, 'linux', 'initrd.gz');
    const [missing, ...others] = findBootStops(boot(noble), boot('environment'));
    assert.deepEqual([missing?.key, others], ['boot.enlist_with', []]);
    assert.match(
      missing?.message ?? '',
      /no imported system ubuntu\/noble, .*ubuntu\/jammy\. First: rackboot images import ubuntu\/noble --source maas$/,
    );
    put('ubuntu/amd64/generic/noble/stable', ...system);
    const [losing] = findBootStops(boot(noble), boot('environment'));
    assert.match(losing?.message ?? '', /no imported system ubuntu\/noble for arm64, .*arm64 machine/);
    assert.deepEqual(findBootStops(boot(noble), boot(noble)), []);
    assert.deepEqual(findBootStops(boot(noble)), [], 'jammy is there to be deployed');
    put('ubuntu/arm64/generic/noble/stable', ...system);
    assert.deepEqual(findBootStops(boot(noble), boot('environment')), []);
  } finally {
    rmSync(tree, { recursive: true });
  }
});
