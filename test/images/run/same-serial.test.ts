// A site publishes other bytes under a serial that it has used, or an image from elsewhere has that serial.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { viewBytes } from '../../../src/ground/borrowed-bytes.ts';
import { addImage, publishImage, publishStored } from '../../../src/images/content/image-adding.ts';
import { importImage } from '../../../src/images/run/image-import.ts';
import { sweepDownloads } from '../../../src/images/run/left-downloads.ts';
import type { ImageOffer } from '../../../src/images/sources/offer.ts';
import { blobPath, manifestPath, readImages } from '../../../src/images/store/image-store.ts';
import { imageOffer, offeredFile } from '../../support/offers.ts';
import { makeDisk, makeRootTar, makeSystemDisk } from '../disks.ts';
import { DownloadPlace, sha256 } from '../download/download-place.ts';

const MIB = 1024 * 1024;
const DAY = Date.UTC(2026, 10, 3);
const FIRST = makeSystemDisk(2 * MIB, 1);
const SECOND = makeSystemDisk(2 * MIB, 2);
const digestOf = (bytes: Uint8Array) => ({ algorithm: 'sha256', hex: sha256(bytes) }) as const;
const NAME = { os: 'x', release: 'y', architecture: 'amd64', subarchitecture: 'generic', label: 'release' };
const SERIAL = '20261101';

let tree = '';
let place: DownloadPlace;
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'rackboot-same-serial-'));
  place = new DownloadPlace();
});
afterEach(async () => {
  await place.close();
  rmSync(tree, { recursive: true, force: true });
});

type Change = Partial<ImageOffer> & { readonly isCopy?: boolean };

async function importIt(bytes: Uint8Array, more: Change = {}) {
  const { url } = await place.serve(bytes);
  const { isCopy = false, ...change } = more;
  const name = change.system === undefined ? 'disk' : 'root-tgz';
  const offer = imageOffer([offeredFile(bytes, url, { name })], { ...NAME, serial: SERIAL, ...change });
  const terms = { tree, downloads: place.queue(), nowMs: DAY, isCopy };
  return await importImage(offer, terms);
}

/** Adds a disk as a person does. */
const addByHand = (bytes: Uint8Array, os = NAME.os) =>
  addImage({
    tree,
    fileName: 'given',
    name: { ...NAME, os, serial: SERIAL },
    nowMs: DAY,
    compress: false,
    file: {
      bytes: bytes.length,
      read: async (at, length) => viewBytes(bytes, at, Math.min(bytes.length, at + length)),
    },
    onProgress: () => undefined,
  });
/** Imports a system as MAAS's streams have it. */
const importSystem = (root: Uint8Array, more: Change = {}) =>
  importIt(root, { system: { subarch: 'generic', kind: 'root-archive' }, ...more });
const rootOf = (file: string): Uint8Array => gzipSync(makeRootTar({ './etc/os-release': 'ID=x', './usr/x': file }));
const requests = (): readonly number[] => place.servers.map((server) => server.requests.length);

for (const isCopy of [false, true])
  test(`${isCopy ? 'a copy' : 'an import'} replaces what the same source published before, whose bytes stay for a machine`, async () => {
    const { image: before } = await importIt(FIRST, { isCopy });
    const { image, added } = await importIt(SECOND, { isCopy });
    assert.equal(added, true);
    assert.deepEqual(readImages(tree).images, [image]);
    assert.deepEqual(image.origin, { source: 'site', ...digestOf(SECOND) });
    assert.ok(existsSync(join(tree, blobPath(before.sha256, before.format))));
  });

test('an image from elsewhere stays, is named, and the file is downloaded only once', async () => {
  const { image } = await addByHand(SECOND);
  const named = {
    code: 'already-exists',
    message: /^x\/y\/amd64 was not imported: \S+ already exists with other bytes: remove it first/,
  };
  await assert.rejects(importIt(FIRST), named);
  await sweepDownloads(tree, Date.now());
  await assert.rejects(importIt(FIRST), named);
  assert.equal(requests().at(-1), 0);
  assert.deepEqual(readImages(tree).images, [image]);
  rmSync(join(tree, 'images', '.manifests'), { recursive: true });
  assert.equal((await importIt(FIRST)).added, true);
});

test('an image that a person added as it was published is verified here, and counts as the source’s from then on', async () => {
  await addByHand(FIRST);
  const { image } = await importIt(FIRST);
  assert.deepEqual(image.origin, { source: 'site', ...digestOf(FIRST) });
  assert.deepEqual([readImages(tree).images, requests()], [[image], [0]]);
});

test('an image that a person added under another name is not taken unchecked: its system is judged', async () => {
  const empty = makeDisk(2 * MIB, 'gpt');
  const { image } = await addByHand(empty, 'other');
  await assert.rejects(importIt(empty), { code: 'bad-argument' });
  assert.deepEqual(readImages(tree).images, [image]);
});

test('the memory of another image does not outlast its bytes', async () => {
  const { image } = await addByHand(SECOND);
  await assert.rejects(importIt(FIRST), { code: 'already-exists' });
  rmSync(join(tree, blobPath(image.sha256, image.format)));
  assert.equal((await importIt(FIRST)).added, true);
});

for (const kind of ['disk', 'system'])
  test(`the bytes of a replaced ${kind} are made recent before its manifest goes, so no sweep between takes them`, async () => {
    const { image } = await (kind === 'disk' ? importIt(FIRST) : importSystem(rootOf('first')));
    const { image: other } = await (kind === 'disk'
      ? importIt(SECOND, { os: 'z' })
      : importSystem(rootOf('z'), { os: 'z' }));
    const systems = join(tree, 'images/systems');
    const directories = kind === 'disk' ? [] : readdirSync(systems).filter((name) => name.startsWith('x-'));
    const old = [join(tree, blobPath(image.sha256, image.format)), ...directories.map((name) => join(systems, name))];
    const changes = () => old.map((path) => statSync(path, { bigint: true }).ctimeNs);
    const before = changes();
    await setTimeout(20);
    const path = manifestPath(tree, image);
    const published = publishImage(tree, () => {
      // Nothing can be published there.
      rmSync(path);
      mkdirSync(path);
      return { ...other, os: image.os };
    });
    await assert.rejects(published, { code: 'EISDIR' });
    const after = changes();
    assert.ok(after.every((one, at) => one > (before[at] ?? one)));
  });

test('a system that a person added, or another source delivered, is neither replaced nor downloaded', async () => {
  const [mine, theirs] = [rootOf('mine'), rootOf('theirs')];
  const named = {
    code: 'already-exists',
    message: /^x\/y\/amd64 was not imported: \S+ already exists with other bytes: remove it first$/,
  };
  const { image } = await importSystem(mine, { source: 'another' });
  await assert.rejects(importSystem(theirs), named);
  const { origin: _, ...own } = image;
  rmSync(manifestPath(tree, image));
  await publishStored({ tree, nowMs: DAY }, own);
  await assert.rejects(importSystem(theirs), named);
  assert.deepEqual(readImages(tree).images, [own]);
  assert.deepEqual(requests().slice(1), [0, 0]);
  rmSync(join(tree, blobPath(own.sha256, own.format)));
  assert.equal((await importSystem(theirs)).added, true);
});

for (const isCopy of [false, true])
  test(`${isCopy ? 'a copy' : 'an import'} replaces a system that the same source published before, whose files stay for a machine`, async () => {
    const { image: before } = await importSystem(rootOf('first'), { isCopy });
    const { image } = await importSystem(rootOf('second'), { isCopy });
    assert.deepEqual(readImages(tree).images, [image]);
    assert.ok(existsSync(join(tree, blobPath(before.sha256, before.format))));
    assert.equal(readdirSync(join(tree, 'images/systems')).length, 2);
  });

test('a system without a serial takes the next one of the day if a person has that of the day', async () => {
  const day = '20261103';
  await importSystem(rootOf('mine'), { source: 'another', serial: day });
  const { image } = await importSystem(rootOf('theirs'), { serial: undefined });
  assert.equal(image.serial, `${day}.1`);
  assert.equal((await importSystem(rootOf('theirs'), { serial: undefined })).added, false);
});
