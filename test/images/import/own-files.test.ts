// Files that a person put into the directory of a boot loader or an installer, and the installers of other systems: no import and no removal
// destroys them.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { newUuid } from '../../../src/clock.ts';
import { sweepDownloads } from '../../../src/images/import/left-downloads.ts';
import { noteRefusal, readRefusal } from '../../../src/images/import/refusals.ts';
import { assertReplaceable, listTreeParts, removePart } from '../../../src/images/parts/tree-parts.ts';
import { putPart } from '../../support/tree-part.ts';

const INSTALLER = 'amd64/generic/bookworm/install';
const FACTS = { os: 'debian', title: 'Debian 12', serial: '20261101' };
const FILES = { linux: 'kernel', 'initrd.gz': 'initrd' };

let tree = '';
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'rackboot-own-files-'));
});
afterEach(() => rmSync(tree, { recursive: true, force: true }));

test('an installer of another system does not replace one, though both have a release of that name', () => {
  putPart(tree, INSTALLER, FILES, FACTS);
  assertReplaceable(tree, INSTALLER, 'debian');
  assert.throws(() => assertReplaceable(tree, INSTALLER, 'evil'), {
    code: 'already-exists',
    message: /^amd64\/generic\/bookworm\/install has the installer of debian, .*: remove it first/,
  });
});

test('files that no import put into a directory are neither replaced nor removed', async () => {
  mkdirSync(join(tree, INSTALLER), { recursive: true });
  assertReplaceable(tree, INSTALLER, 'debian');
  writeFileSync(join(tree, INSTALLER, 'linux'), 'mine');
  assert.throws(() => assertReplaceable(tree, INSTALLER, 'debian'), { code: 'already-exists', message: /no import/ });
  putPart(tree, INSTALLER, FILES, FACTS);
  writeFileSync(join(tree, INSTALLER, '.linux.damaged'), 'kept by a check');
  const [part] = listTreeParts(tree);
  assert.ok(part);
  writeFileSync(join(tree, INSTALLER, 'preseed.cfg'), 'mine');
  const words = /install\/preseed\.cfg" was not put there by an import: move it away/;
  assert.throws(() => assertReplaceable(tree, INSTALLER, 'debian'), { code: 'bad-argument', message: words });
  await assert.rejects(removePart(tree, part), { code: 'bad-argument', message: words });
  assert.equal(readdirSync(join(tree, INSTALLER)).length, 5);
  rmSync(join(tree, INSTALLER, 'preseed.cfg'));
  await removePart(tree, part);
  assert.equal(existsSync(join(tree, INSTALLER)), false);
});

for (const linked of ['amd64', 'amd64/generic/bookworm', INSTALLER])
  test(`nothing is replaced or removed behind the link ${linked}`, async () => {
    putPart(tree, INSTALLER, FILES, FACTS);
    const [part] = listTreeParts(tree);
    assert.ok(part);
    renameSync(join(tree, linked), join(tree, 'away'));
    symlinkSync(join(tree, 'away'), join(tree, linked));
    const words = /is a link, and nothing is changed behind it/;
    assert.throws(() => assertReplaceable(tree, INSTALLER, 'debian'), { code: 'store-unwritable', message: words });
    await assert.rejects(removePart(tree, part), { code: 'store-unwritable', message: words });
    assert.equal(readdirSync(join(tree, INSTALLER)).length, 3);
  });

test('an installer whose replacement a kill interrupted comes back, unless a newer one is there', async () => {
  putPart(tree, INSTALLER, FILES, FACTS);
  const release = join(tree, 'amd64/generic/bookworm');
  const dead = spawnSync('true').pid;
  const old = join(release, `.install.old-${dead}-${newUuid()}`);
  renameSync(join(tree, INSTALLER), old);
  await sweepDownloads(tree, Date.now());
  assert.equal(readFileSync(join(tree, INSTALLER, 'linux'), 'utf8'), 'kernel');
  mkdirSync(old);
  await sweepDownloads(tree, Date.now());
  assert.deepEqual(readdirSync(release).toSorted(), [basename(old), 'install'].toSorted());
  renameSync(join(tree, INSTALLER), join(release, `.install.old-${process.pid}-${newUuid()}`));
  rmSync(old, { recursive: true });
  await sweepDownloads(tree, Date.now());
  assert.equal(existsSync(join(tree, INSTALLER)), false, 'that process puts the new one there');
});

test('a refusal is noted in a new file, whatever has its place', async () => {
  const file = { directory: tree, name: 'ab'.repeat(32) };
  const path = join(tree, `${file.name}.refused`);
  writeFileSync(join(tree, 'other'), 'of somebody else');
  for (const place of [path, `${path}.new`]) symlinkSync(join(tree, 'other'), place);
  await noteRefusal(file, { as: 'amd64', why: 'it is empty' });
  assert.equal(readFileSync(join(tree, 'other'), 'utf8'), 'of somebody else');
  rmSync(path);
  execFileSync('mkfifo', [path]);
  await noteRefusal(file, { as: 'amd64', why: 'it is empty' });
  assert.match(readRefusal(file, 'amd64') ?? '', /^it is empty/);
});
