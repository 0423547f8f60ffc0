// Installers are published from their downloads without a second copy, and only as far as the disk has room.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { publishInstallerFiles } from '../../../src/images/build/installer-files.ts';

const MANIFEST = { name: 'manifest.json', data: Buffer.from('{}') };
/** More than any disk has. */
const HUGE = { length: 2 ** 60 } as Uint8Array;

let tree = '';
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'rackboot-installer-files-'));
});
afterEach(() => rmSync(tree, { recursive: true }));

test('a stored file gets a further name; only the others need room', async () => {
  const stored = join(tree, 'stored');
  writeFileSync(stored, 'kernel');
  const place = join(tree, 'amd64/generic/two/install');
  await publishInstallerFiles(place, [{ name: 'linux', data: HUGE, storedPath: stored }], MANIFEST, () => undefined);
  assert.equal(statSync(join(place, 'linux')).ino, statSync(stored).ino);
  await assert.rejects(
    publishInstallerFiles(place, [{ name: 'linux', data: HUGE }], MANIFEST, () => undefined),
    {
      code: 'store-unwritable',
      message: /two has \S+ MiB left, but \S+ MiB are needed/,
    },
  );
  assert.equal(readFileSync(join(place, 'linux'), 'utf8'), 'kernel', 'the installer stays');
});

test('a file that cannot get a further name is copied', async () => {
  const stored = join(tree, 'a directory has one name');
  mkdirSync(stored);
  const place = join(tree, 'amd64/generic/two/install');
  await publishInstallerFiles(
    place,
    [{ name: 'linux', data: Buffer.from('kernel'), storedPath: stored }],
    MANIFEST,
    () => undefined,
  );
  assert.equal(readFileSync(join(place, 'linux'), 'utf8'), 'kernel');
});
