// Additions and removals of the same bytes at once: nothing is published without its bytes.
// Each test makes its interleaving certain: by holding the lock of the store, or by acting within a function that the code calls.

import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { sleep } from '../../src/clock.ts';
import { lockBriefly } from '../../src/images/file-lock.ts';
import { publishImage, publishStored } from '../../src/images/image-adding.ts';
import { removeImages, sweepBlobs } from '../../src/images/image-removal.ts';
import {
  blobPath,
  encodeImage,
  hasBlob,
  manifestPath,
  readImages,
  type StoredImage,
} from '../../src/images/image-store.ts';
import { removeUnused } from '../../src/images/import/older-images.ts';
import { placeBlob } from '../../src/images/stored-blob.ts';
import { eventuallyWithin } from '../support/eventually.ts';
import { sha256 } from './download/download-place.ts';

const HOUR = 3_600_000;
/** Long enough for everything that does not wait for the lock. */
const WAIT_MS = 300;
const GOOD = Buffer.from('the bytes of an image');
const BAD = Buffer.from('The bytes of an image');

let tree = '';
beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'rackboot-races-test-'));
});
afterEach(() => rmSync(tree, { recursive: true, force: true }));

const imageOf = (release: string, bytes: Buffer = GOOD): StoredImage => ({
  ...{ os: 'debian', release, architecture: 'amd64', subarchitecture: 'generic', label: 'release' },
  ...{ serial: '20260101', title: release, sha256: sha256(bytes), bytes: bytes.length, format: 'raw' },
  ...{ diskBytes: 512, partitionTable: 'mbr' },
});
const pathOf = ({ sha256, format }: StoredImage): string => join(tree, blobPath(sha256, format));
const lockStore = () => lockBriefly(join(tree, 'images/.manifests.lock'));

function putBytes(image: StoredImage, bytes: Buffer = GOOD): void {
  mkdirSync(dirname(pathOf(image)), { recursive: true });
  writeFileSync(pathOf(image), bytes);
}

/** Writes a manifest as another process does that holds the lock. */
function putManifest(image: StoredImage): void {
  const path = manifestPath(tree, image);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.fresh`, encodeImage(image));
  renameSync(`${path}.fresh`, path);
}

function put(image: StoredImage, bytes: Buffer = GOOD): StoredImage {
  putBytes(image, bytes);
  putManifest(image);
  return image;
}

/** Runs a removal that has to wait until another process has published B with the same bytes. */
async function publishDuring<T>(removal: () => Promise<T>, isAtLock: () => boolean): Promise<T> {
  const b = imageOf('b');
  const lock = await lockStore();
  let running: Promise<T>;
  try {
    running = removal();
    await eventuallyWithin(8000, 'the removal has begun', isAtLock);
    await sleep(WAIT_MS);
    assert.ok(existsSync(pathOf(b)), 'nothing is deleted while another process publishes');
    putManifest(b);
  } finally {
    lock.release();
  }
  const result = await running;
  assert.deepEqual(readImages(tree).images, [b]);
  assert.ok(hasBlob(tree, b));
  return result;
}

describe('a removal while the same bytes are published under another name', () => {
  const isManifestGone = (image: StoredImage) => () => !existsSync(manifestPath(tree, image));

  test('of an image keeps the bytes', async () => {
    const a = put(imageOf('a'));
    const remove = () => removeImages(tree, [a], Date.now(), { isKnown: true });
    assert.equal(await publishDuring(remove, isManifestGone(a)), 0);
  });

  test('of an image that no machine uses, by the region, keeps the bytes', async () => {
    const a = put(imageOf('a'));
    const use = async () => ({ isKnown: true, usersOf: () => [] });
    await publishDuring(() => removeUnused([a], { tree, nowMs: Date.now(), use }), isManifestGone(a));
  });

  test('of old leftovers keeps the bytes', async () => {
    putBytes(imageOf('b'));
    assert.equal(
      await publishDuring(
        () => sweepBlobs(tree, Date.now() + 2 * HOUR, new Set()),
        () => true,
      ),
      0,
    );
  });

  test('keeps everything once a manifest cannot be read', async () => {
    const a = put(imageOf('a'));
    const lock = await lockStore();
    const running = removeImages(tree, [a], Date.now(), { isKnown: true });
    await eventuallyWithin(8000, 'the manifest is removed', isManifestGone(a));
    await sleep(WAIT_MS);
    writeFileSync(join(tree, 'images/.manifests/odd.json'), '{');
    lock.release();
    assert.equal(await running, 0);
    assert.ok(existsSync(pathOf(a)));
  });

  test('keeps old bytes that an addition has begun to use', async () => {
    const b = imageOf('b');
    putBytes(b);
    const second = 1000;
    const lock = await lockStore();
    const running = sweepBlobs(tree, Date.now() + HOUR + second, new Set());
    await sleep(WAIT_MS + second);
    // Any change of a file's attributes makes it recent.
    chmodSync(pathOf(b), 0o600);
    lock.release();
    assert.equal(await running, 0);
    assert.ok(existsSync(pathOf(b)));
  });

  test('deletes all that nothing needs, however many files it is', async () => {
    const kept = put(imageOf('kept', BAD), BAD);
    const contents = Array.from({ length: 100 }, (_, index) => Buffer.from(`bytes ${index}`));
    const images = contents.map((content, index) => put(imageOf(`r${index}`, content), content));
    const freed = await removeImages(tree, images, Date.now(), { isKnown: true });
    const bytes = images.reduce((sum, image) => sum + image.bytes, 0);
    assert.equal(freed, bytes);
    assert.deepEqual(
      images.filter((image) => existsSync(pathOf(image))),
      [],
    );
    assert.ok(existsSync(pathOf(kept)));
  });
});

describe('a publication', () => {
  const gone = { code: 'not-found', message: /debian\/b\/.* was removed while it was being added/ };

  test('writes no manifest of bytes that were removed before', async () => {
    const b = imageOf('b');
    await assert.rejects(publishStored({ tree, nowMs: 0 }, b), gone);
    assert.deepEqual(readImages(tree).images, []);
  });

  test('looks for the bytes under the lock, and fails for an image that is there without them', async () => {
    const b = put(imageOf('b'));
    // `choose` is called under the lock.
    const publishing = publishImage(tree, ([present]) => {
      rmSync(pathOf(b));
      return present ?? b;
    });
    await assert.rejects(publishing, gone);
  });

  test('and the placing of its bytes wait while another process decides on bytes of the store', async () => {
    const b = imageOf('b');
    putBytes(b, BAD);
    const part = join(tree, 'images/part');
    writeFileSync(part, GOOD);
    const lock = await lockStore();
    const path = blobPath(b.sha256, 'raw');
    const placing = placeBlob(tree, { path, sha256: b.sha256 }, part, 'rename');
    await sleep(WAIT_MS);
    assert.deepEqual(readFileSync(pathOf(b)), BAD);
    lock.release();
    await placing;
    assert.deepEqual(readFileSync(pathOf(b)), GOOD);
  });
});
