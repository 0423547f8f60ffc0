// The systems of the store in the boot tree: a name leads to the files of the newest serial; a machine that began with a directory finds all of its
// files there, whatever is imported, removed or cleaned meanwhile.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { checkContent } from '../../../src/images/store/image-check.ts';
import { removeImages, sweepBlobs } from '../../../src/images/store/image-removal.ts';
import {
  blobPath,
  encodeImage,
  findStoredImage,
  manifestPath,
  type StoredImage,
} from '../../../src/images/store/image-store.ts';
import { judgeSystemName } from '../../../src/images/store/stored-system.ts';
import { checkLinkPaths, refreshTree } from '../../../src/images/store/system-tree.ts';
import { directoryForEach } from '../../support/scratch.ts';

const HOUR_MS = 3_600_000;
const NAMES = ['boot-initrd', 'boot-kernel', 'squashfs'];
const PLACES = ['ga-24.04', 'generic'].map((subarch) => `ubuntu/amd64/${subarch}/noble/stable`);
const [PLACE = ''] = PLACES;

let tree = '';
directoryForEach((made) => {
  tree = made;
});

function putFile(content: string, format: 'file' | 'squashfs'): { readonly sha256: string; readonly bytes: number } {
  const sha256 = createHash('sha256').update(content).digest('hex');
  const path = join(tree, blobPath(sha256, format));
  mkdirSync(dirname(path), { recursive: true });
  if (!existsSync(path)) writeFileSync(path, content);
  return { sha256, bytes: content.length };
}

/** Adds a system whose files have its serial in them, as an import does. */
async function add(serial: string, subarches?: readonly string[]): Promise<StoredImage> {
  const files = ['boot-kernel', 'boot-initrd'].map((name) => ({ name, ...putFile(`${name} ${serial}`, 'file') }));
  const image: StoredImage = {
    os: 'ubuntu',
    release: 'noble',
    architecture: 'amd64',
    subarchitecture: 'generic',
    label: 'stable',
    serial,
    title: 'Noble',
    ...putFile(`squashfs ${serial}`, 'squashfs'),
    format: 'squashfs',
    diskBytes: 4096,
    partitionTable: 'none',
    system: { subarch: 'ga-24.04', subarches, rootName: 'squashfs', files },
    origin: { source: 'site', algorithm: 'sha256', hex: '0'.repeat(64) },
  };
  mkdirSync(dirname(manifestPath(tree, image)), { recursive: true });
  writeFileSync(manifestPath(tree, image), encodeImage(image));
  await refreshTree(tree, [image]);
  return image;
}

/** Whether a directory has all three files, of one serial. */
function assertSerial(directory: string, serial: string): void {
  const names = readdirSync(join(tree, directory)).sort();
  assert.deepEqual(names, NAMES);
  for (const name of names) assert.equal(readFileSync(join(tree, directory, name), 'utf8'), `${name} ${serial}`);
}

/** The directory that a name leads to, as a machine gets it. */
const led = (): string => readlinkSync(join(tree, PLACE)).replaceAll('../', '');

const remove = (image: StoredImage, isKnown: boolean) =>
  removeImages(tree, [image], Date.now(), { areUsesKnown: isKnown });

test('each name of a system leads to one directory with its files', async () => {
  await add('20261015');
  for (const place of PLACES) {
    assert.deepEqual(readdirSync(join(tree, place)).sort(), NAMES);
    assert.equal(statSync(join(tree, place)).ino, statSync(join(tree, led())).ino);
  }
  assert.match(led(), /^images\/systems\/ubuntu-noble-amd64-generic-20261015-[0-9a-f]{12}$/);
});

test('a rolling kernel has its own name, and the older kernels that it replaces have none', async () => {
  const image = await add('20261015', ['ga-24.04', 'ga-rolling', 'hwe-t']);
  assert.deepEqual(readdirSync(join(tree, 'ubuntu/amd64')).sort(), ['ga-24.04', 'ga-rolling', 'generic']);
  assertSerial('ubuntu/amd64/ga-rolling/noble/stable', '20261015');
  const wish = { os: 'ubuntu', release: 'noble', architecture: 'amd64', subarchitecture: 'generic' };
  assert.equal(findStoredImage(tree, { ...wish, kernel: 'ga-rolling' })?.serial, '20261015');
  assert.equal(findStoredImage(tree, { ...wish, kernel: 'hwe-t' }), undefined);
  await remove(image, true);
  assert.equal(lstatSync(join(tree, 'ubuntu/amd64/ga-rolling/noble/stable'), { throwIfNoEntry: false }), undefined);
});

test('with its last name the directories above go, except those in which something else is', async () => {
  const image = await add('20261015');
  mkdirSync(join(tree, 'ubuntu/amd64/generic/mine'));
  await remove(image, true);
  assert.deepEqual(readdirSync(join(tree, 'ubuntu/amd64')), ['generic']);
  assert.deepEqual(readdirSync(join(tree, 'ubuntu/amd64/generic')), ['mine']);
  rmSync(join(tree, 'ubuntu/amd64/generic/mine'), { recursive: true });
  await remove(await add('20261016'), true);
  assert.deepEqual(readdirSync(tree), ['images']);
});

test('a newer serial changes where the names lead, and not the files of a machine that boots', async () => {
  await add('20261015');
  const booting = led();
  await add('20261101');
  assertSerial(PLACE, '20261101');
  assertSerial(booting, '20261015');
  await add('20260901');
  assertSerial(PLACE, '20261101');
});

test('after its removal a system has no names, and a machine that boots finds its files for an hour', async () => {
  const image = await add('20261015');
  const booting = led();
  for (const isKnown of [true, false]) {
    await remove(image, isKnown);
    for (const place of PLACES) assert.equal(lstatSync(join(tree, place), { throwIfNoEntry: false }), undefined);
    assertSerial(booting, '20261015');
  }
  await sweepBlobs(tree, Date.now() + HOUR_MS - 60_000, new Set());
  assert.equal(existsSync(join(tree, booting)), true);
  await sweepBlobs(tree, Date.now() + HOUR_MS + 60_000, new Set());
  assert.equal(existsSync(join(tree, booting)), false);
});

test('a system that is removed, cleaned and imported again and again has the same directory', async () => {
  const image = await add('20261015');
  const booting = led();
  for (let round = 0; round < 5; round += 1) {
    await remove(image, true);
    assertSerial(booting, '20261015');
    await checkContent({ tree, repairs: true, onProgress: () => undefined });
    await add('20261015');
    assertSerial(booting, '20261015');
    assert.equal(led(), booting);
  }
});

test('the directory of an image stays, however old it is, even of an older serial', async () => {
  await add('20261015');
  await add('20261101');
  await sweepBlobs(tree, Date.now() + 100 * HOUR_MS, new Set());
  assert.equal(readdirSync(join(tree, 'images', 'systems')).length, 2);
});

test('only the directories of systems are removed, none through a link, and none is made through one', async () => {
  await add('20261015');
  const systems = join(tree, 'images', 'systems');
  // A publication gives the last name to a directory in which it finds another's files.
  const mine = ['mine', 'mine-0123456789ab.d', '.mine-0123456789ab.kept-01234567-89ab-4def-8123-0123456789ab'];
  for (const name of mine) mkdirSync(join(systems, name));
  await sweepBlobs(tree, Date.now() + 2 * HOUR_MS, new Set());
  for (const name of mine) assert.ok(existsSync(join(systems, name)), name);
  const away = join(tree, 'away');
  renameSync(systems, away);
  mkdirSync(join(away, 'theirs-0123456789ab'));
  symlinkSync(away, systems);
  const before = readdirSync(away);
  await sweepBlobs(tree, Date.now() + 2 * HOUR_MS, new Set());
  assert.deepEqual(readdirSync(away), before);
  await assert.rejects(add('20261101'), {
    code: 'store-unwritable',
    message: /systems is a link, and images are not written through it/,
  });
  assert.deepEqual(readdirSync(away), before);
});

test('a directory with a damaged file goes at once, and the next import makes it of the right bytes', async () => {
  await add('20261015');
  const booting = led();
  writeFileSync(join(tree, booting, 'boot-kernel'), 'boot-kernel XXXXXXXX');
  await checkContent({ tree, repairs: true, onProgress: () => undefined });
  assert.deepEqual([existsSync(join(tree, booting)), existsSync(join(tree, PLACE))], [false, false]);
  await add('20261015');
  assertSerial(booting, '20261015');
});

test('a directory that a person made in the place of a name stays, and no system is added there', async () => {
  mkdirSync(join(tree, PLACE), { recursive: true });
  writeFileSync(join(tree, PLACE, 'pxe.cfg'), 'mine');
  const image = await add('20261015');
  assert.deepEqual(readdirSync(join(tree, PLACE)), ['pxe.cfg']);
  assert.throws(() => checkLinkPaths(tree, image), {
    code: 'already-exists',
    message: /^ubuntu\/noble\/amd64 cannot .*\/noble\/stable was not made by Rackboot: move it away first$/,
  });
  await remove(image, true);
  assert.deepEqual(readdirSync(join(tree, PLACE)), ['pxe.cfg']);
});

test('a system is refused before it is stored if a file is in the way of its links, and none are made there', async () => {
  const image = await add('20261015');
  rmSync(join(tree, 'ubuntu'), { recursive: true });
  for (const file of ['ubuntu', 'ubuntu/amd64/ga-24.04']) {
    mkdirSync(join(tree, dirname(file)), { recursive: true });
    writeFileSync(join(tree, file), 'mine');
    assert.throws(() => checkLinkPaths(tree, image), {
      code: 'already-exists',
      message: new RegExp(`^ubuntu/noble/amd64 cannot be added .*/${file} is not a directory: move it away first$`),
    });
    await refreshTree(tree, [image]);
    assert.equal(readFileSync(join(tree, file), 'utf8'), 'mine');
    rmSync(join(tree, file));
  }
});

for (const [os, isRefused] of [
  ...['rhel8.4', 'rhel8.0', 'centos7.0', 'sles15.4', 'custom', 'a.b', 'v2.0'].map((name) => [name, false] as const),
  ...['bootx64.efi', 'pxelinux.0', 'undionly.kpxe', 'ldlinux.c32', 'ipxe.lkrn', 'grub.cfg'].map(
    (name) => [name, true] as const,
  ),
  ...['shimx64.efi.signed', 'images', 'amd64'].map((name) => [name, true] as const),
])
  test(`${os} is ${isRefused ? 'the name of something else in the boot tree' : 'the name of a system'}`, () => {
    assert.equal(judgeSystemName(os) !== undefined, isRefused);
  });

test('nothing is made, replaced or removed behind a link to a directory', async () => {
  const image = await add('20261015');
  const away = join(tree, 'away');
  renameSync(join(tree, 'ubuntu'), away);
  symlinkSync(away, join(tree, 'ubuntu'));
  const place = join(away, 'amd64/generic/noble/stable');
  rmSync(place);
  mkdirSync(place);
  writeFileSync(join(place, 'mine'), 'mine');
  assert.throws(() => checkLinkPaths(tree, image), {
    message: /\/ubuntu is a link, and nothing is changed behind it/,
  });
  await refreshTree(tree, [image]);
  await remove(image, true);
  assert.deepEqual(readdirSync(place), ['mine']);
  assert.ok(lstatSync(join(away, 'amd64/ga-24.04/noble/stable')).isSymbolicLink());
});

test('several changes at once end with the names that the store has, and none disturbs another', async () => {
  const image = await add('20261015');
  const manifest = manifestPath(tree, image);
  const change = async (isRemoved: boolean): Promise<void> => {
    if (isRemoved) rmSync(manifest, { force: true });
    else writeFileSync(manifest, encodeImage(image));
    await refreshTree(tree, [image]);
  };
  for (let round = 0; round < 20; round += 1) {
    await Promise.all([change(true), change(false), change(true), change(false)]);
    assertSerial(PLACE, '20261015');
    await Promise.all([change(false), change(true), change(false), change(true)]);
    assert.ok(!existsSync(join(tree, PLACE)));
  }
  assert.deepEqual(readdirSync(tree), ['images'], 'nothing unfinished is left, and no directory of links');
});
