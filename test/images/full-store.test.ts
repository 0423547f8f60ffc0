// A store with as many images as it may have, and with more.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/ground/clock.ts';
import { addImage, publishImage, publishStored } from '../../src/images/content/image-adding.ts';
import { bytesOfFile } from '../../src/images/content/image-file.ts';
import { DownloadQueue } from '../../src/images/download/queue.ts';
import { DEFAULT_SETTINGS } from '../../src/images/download/settings.ts';
import { finishUpload } from '../../src/images/make/finish-upload.ts';
import { checkRootName } from '../../src/images/make/root-adding.ts';
import { uploadPartPath } from '../../src/images/make/upload-part.ts';
import { importImage } from '../../src/images/run/image-import.ts';
import type { ImageOffer } from '../../src/images/sources/offer.ts';
import { sweepBlobs } from '../../src/images/store/image-removal.ts';
import {
  blobPath,
  encodeImage,
  IMAGES_MAX,
  manifestDirectory,
  manifestPath,
  readImages,
  type StoredImage,
} from '../../src/images/store/image-store.ts';
import { imageOffer, offeredFile } from '../support/offers.ts';
import { directoryForEach } from '../support/scratch.ts';
import { makeDisk } from './disks.ts';
import { sha256 } from './download/download-place.ts';

const HOUR = 3_600_000;
const FULL = { code: 'limit-reached', message: /already has 1000 images: remove unneeded ones/ };
const NAME = { os: 'debian', release: 'new', architecture: 'amd64', subarchitecture: 'generic', label: 'release' };

let tree = '';
directoryForEach((made) => {
  tree = made;
});

const imageOf = (number: number): StoredImage => ({
  ...NAME,
  release: `r${number}`,
  serial: '20260101',
  title: 'one of many',
  sha256: number.toString(16).padStart(64, '0'),
  bytes: 1,
  format: 'raw',
  diskBytes: 512,
  partitionTable: 'mbr',
});

/** Puts images into the store, each with its bytes. */
function fill(count: number): void {
  mkdirSync(manifestDirectory(tree), { recursive: true });
  for (let number = 0; number < count; number += 1) {
    const image = imageOf(number);
    writeFileSync(manifestPath(tree, image), encodeImage(image));
    const blob = join(tree, blobPath(image.sha256, 'raw'));
    mkdirSync(dirname(blob), { recursive: true });
    writeFileSync(blob, 'x');
  }
}

const blobs = (): number => readdirSync(join(tree, 'images/00')).length;

async function add(name: Partial<typeof NAME> & { readonly serial?: string }, seed: number): Promise<unknown> {
  const path = join(tree, `given-${seed}`);
  writeFileSync(path, makeDisk(1024 * 1024, 'gpt', seed));
  const file = await open(path);
  const source = { file: await bytesOfFile(file, path), fileName: 'given', onProgress: () => undefined };
  return await addImage({ tree, ...source, name: { ...NAME, ...name }, compress: false, nowMs: 0 }).finally(() =>
    file.close(),
  );
}

const offerOf = (system: ImageOffer['system']): ImageOffer =>
  imageOffer([offeredFile('new', 'http://127.0.0.1:9/file')], { ...NAME, system });

describe('a store with more images than it may have', () => {
  test('says so, lists the same ones each time, and keeps the bytes of all', async () => {
    fill(IMAGES_MAX + 3);
    const { images, problems } = readImages(tree);
    assert.equal(images.length, IMAGES_MAX);
    assert.match(problems.join(), /has 1003 images, and only 1000 of them are used; remove unneeded ones/);
    assert.deepEqual(readImages(tree).images, images);
    assert.equal(await sweepBlobs(tree, Date.now() + 2 * HOUR, new Set()), 0);
    assert.equal(blobs(), IMAGES_MAX + 3);
  });
});

describe('a full store', () => {
  test('takes no further image, whichever way it comes', async () => {
    fill(IMAGES_MAX);
    const image = { ...imageOf(5), ...NAME };
    await assert.rejects(add({}, 1), FULL);
    await assert.rejects(
      publishImage(tree, () => image),
      FULL,
    );
    await assert.rejects(publishStored({ tree, nowMs: 0 }, image), FULL);
    assert.throws(() => checkRootName({ tree, name: NAME }), FULL);
    const downloads = new DownloadQueue(DEFAULT_SETTINGS, systemClock);
    try {
      const terms = { tree, downloads, nowMs: 0 };
      await assert.rejects(importImage(offerOf(undefined), terms), FULL);
      await assert.rejects(importImage(offerOf({ subarch: 'ga', kind: 'squashfs' }), terms), FULL);
    } finally {
      await downloads.close();
    }
    assert.equal(readdirSync(manifestDirectory(tree)).length, IMAGES_MAX);
  });

  test('lets an upload wait until an image was removed', async () => {
    fill(IMAGES_MAX);
    const disk = makeDisk(1024 * 1024, 'gpt', 3);
    const named = { id: 1, sha256: sha256(disk) };
    mkdirSync(join(tree, 'images/.uploads'), { recursive: true });
    writeFileSync(uploadPartPath(tree, named), disk);
    const order = { ...named, tree, name: NAME, title: '', fileType: 'ddraw', nowMs: 0, serialsElsewhere: [] };
    const result = await finishUpload(order);
    assert.equal(result.kind, 'later');
    assert.ok(existsSync(uploadPartPath(tree, named)));
  });

  test('takes the bytes of an image that lost them', async () => {
    fill(IMAGES_MAX);
    rmSync(join(tree, blobPath(imageOf(7).sha256, 'raw')));
    await add({ release: 'r7', serial: '20260101' }, 2);
    assert.equal(readImages(tree).images.length, IMAGES_MAX);
  });

  test('gets its last image from one of those who add at once, and each serial once', async () => {
    fill(IMAGES_MAX - 1);
    const added = await Promise.allSettled([1, 2, 3].map((seed) => add({ release: `n${seed}` }, seed)));
    assert.deepEqual(added.map(({ status }) => status).sort(), ['fulfilled', 'rejected', 'rejected']);
    assert.equal(readdirSync(manifestDirectory(tree)).length, IMAGES_MAX);
    rmSync(tree, { recursive: true });
    mkdirSync(tree);
    await Promise.all([1, 2, 3].map((seed) => add({}, seed)));
    assert.equal(readImages(tree).images.length, 3, 'all three are of the same name and day');
  });
});
