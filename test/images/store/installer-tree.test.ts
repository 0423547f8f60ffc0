// The installers of a boot tree.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasTreeInstaller, listAllInstallers, listTreeInstallers } from '../../../src/images/store/installer-tree.ts';

test('the releases with a kernel and an initrd for the hardware are listed, those of its own kind and the generic ones', () => {
  const tree = mkdtempSync(join(tmpdir(), 'rackboot-installers-'));
  try {
    const put = (path: string): void => {
      mkdirSync(join(tree, path, '..'), { recursive: true });
      writeFileSync(join(tree, path), '');
    };
    for (const directory of [
      'amd64/generic/trixie/install',
      'amd64/generic/bookworm/install',
      'amd64/own/jammy/install',
      'amd64/other/noble/install',
      'arm64/generic/sid/install',
      'amd64/generic/bullseye/commissioning',
    ]) {
      put(`${directory}/linux`);
      put(`${directory}/initrd.gz`);
    }
    put('amd64/generic/buster/install/linux');
    const manifest = (directory: string, text: string): void =>
      writeFileSync(join(tree, directory, 'manifest.json'), text);
    manifest('amd64/generic/trixie/install', '{"os":"debian","title":"Debian 13\\u0007"}');
    manifest('amd64/own/jammy/install', '{"os":"../x","title":"no"}');
    manifest('amd64/generic/bookworm/install', 'no JSON');
    const plain = (release: string) => ({ release, os: undefined, title: release });
    const own = { architecture: 'amd64', subarchitecture: 'own' };
    assert.deepEqual(listTreeInstallers(tree, own), [
      plain('bookworm'),
      plain('jammy'),
      { release: 'trixie', os: 'debian', title: 'Debian 13\\x07' },
    ]);
    assert.deepEqual(listTreeInstallers(tree, { ...own, architecture: 'arm64' }), [plain('sid')]);
    assert.deepEqual(listTreeInstallers(tree, { ...own, architecture: 'riscv64' }), []);
    assert.deepEqual(listTreeInstallers(tree, { ...own, architecture: '../amd64' }), []);
    assert.deepEqual(listTreeInstallers(join(tree, 'absent'), own), []);
    assert.deepEqual(
      listAllInstallers(tree).map(({ architecture, release, title }) => `${architecture} ${release} ${title}`),
      ['amd64 bookworm bookworm', 'amd64 trixie Debian 13\\x07', 'arm64 sid sid'],
    );
    assert.ok(hasTreeInstaller(tree, { ...own, release: 'trixie' }));
    assert.ok(!hasTreeInstaller(tree, { ...own, release: 'noble' }));
  } finally {
    rmSync(tree, { recursive: true });
  }
});
