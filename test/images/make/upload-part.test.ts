// The bytes of an upload at several processes of one host: once they are verified, no piece that still arrives changes them.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type FinishOrder, finishUpload } from '../../../src/images/make/finish-upload.ts';
import { sweepParts, uploadPartPath, writePart } from '../../../src/images/make/upload-part.ts';
import { blobPath } from '../../../src/images/store/image-store.ts';
import { COUNTED } from '../../support/counted-piece.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { directoryForEach } from '../../support/scratch.ts';
import { makeSquashfsHead } from '../disks.ts';
import { sha256 } from '../download/download-place.ts';

const ROOT = makeSquashfsHead();
const EVIL = Buffer.alloc(ROOT.length, 'x');
const UPLOAD = { id: 7, sha256: sha256(ROOT) };

let tree = '';
directoryForEach((made) => {
  tree = made;
});

const blob = (): string => join(tree, blobPath(UPLOAD.sha256, 'squashfs'));
const pieceOf = (bytes: Uint8Array, before: Promise<void> = Promise.resolve()) => ({
  offset: 0,
  bytes: bytes.length,
  ...COUNTED,
  content: (async function* () {
    await before;
    yield bytes;
  })(),
});
const order = (): FinishOrder => ({
  ...UPLOAD,
  tree,
  title: '',
  fileType: 'squashfs',
  nowMs: Date.now(),
  serialsElsewhere: [],
  name: { os: 'custom', release: 'site', architecture: 'amd64', subarchitecture: 'generic', label: 'uploaded' },
});

test('a piece whose body is late keeps other pieces waiting', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const late = writePart(tree, UPLOAD, pieceOf(ROOT, promise));
  await eventuallyWithin(8000, 'the piece is being written', () => existsSync(uploadPartPath(tree, UPLOAD)));
  assert.equal(await writePart(tree, UPLOAD, pieceOf(ROOT)), 'busy');
  resolve();
  assert.equal(await late, 'written');
  assert.partialDeepStrictEqual(await finishUpload(order()), { kind: 'added', isNew: true });
  assert.deepEqual(readFileSync(blob()), ROOT);
});

test('a part that became an image is not written again, even before it is removed', async () => {
  assert.equal(await writePart(tree, UPLOAD, pieceOf(ROOT)), 'written');
  assert.equal((await finishUpload(order())).kind, 'added');
  assert.equal(await writePart(tree, UPLOAD, pieceOf(EVIL)), 'busy');
  assert.deepEqual(readFileSync(blob()), ROOT);
  assert.partialDeepStrictEqual(await finishUpload(order()), { kind: 'added', isNew: false });
});

test('wrong bytes in the place of the image are replaced', async () => {
  mkdirSync(dirname(blob()), { recursive: true });
  writeFileSync(blob(), EVIL);
  assert.equal(await writePart(tree, UPLOAD, pieceOf(ROOT)), 'written');
  assert.equal((await finishUpload(order())).kind, 'added');
  assert.deepEqual(readFileSync(blob()), ROOT);
});

test('a piece whose place was read before another piece was written changes nothing', async () => {
  const half = ROOT.length / 2;
  const counted = { received: 0 };
  const next = (bytes: Uint8Array, offset: number) => ({
    ...pieceOf(bytes),
    offset,
    isUnchanged: async () => counted.received === offset,
    count: async () => {
      counted.received = offset + bytes.length;
      return true;
    },
  });
  assert.equal(await writePart(tree, UPLOAD, next(ROOT.subarray(0, half), 0)), 'written');
  const late = next(EVIL.subarray(0, 10), 0);
  assert.equal(await writePart(tree, UPLOAD, late), 'busy');
  assert.equal(await writePart(tree, UPLOAD, next(ROOT.subarray(half), half)), 'written');
  assert.deepEqual([readFileSync(uploadPartPath(tree, UPLOAD)), counted.received], [ROOT, ROOT.length]);
});

test('a piece of an upload that was removed before it is written leaves no part', async () => {
  assert.equal(await writePart(tree, UPLOAD, { ...pieceOf(ROOT), isUnchanged: async () => false }), 'busy');
  assert.equal(await writePart(tree, UPLOAD, { ...pieceOf(ROOT), count: async () => false }), 'busy');
  await sweepParts(tree, async () => [], Date.now());
  assert.deepEqual(readdirSync(dirname(uploadPartPath(tree, UPLOAD))), []);
});

test('a sweep leaves a new part of an upload alone that began after its files were listed, and those of other hosts', async () => {
  assert.equal(await writePart(tree, UPLOAD, pieceOf(ROOT)), 'written');
  const begun = { id: 8, sha256: UPLOAD.sha256 };
  const list = async () => {
    assert.equal(await writePart(tree, begun, pieceOf(ROOT)), 'written');
    return [{ ...UPLOAD, belongsToHost: false }];
  };
  await sweepParts(tree, list, Date.now());
  assert.deepEqual(
    [UPLOAD, begun].map((one) => existsSync(uploadPartPath(tree, one))),
    [true, true],
  );
  utimesSync(uploadPartPath(tree, UPLOAD), 1, 1);
  await sweepParts(
    tree,
    async () => [
      { ...UPLOAD, belongsToHost: false },
      { ...begun, belongsToHost: true },
    ],
    Date.now(),
  );
  assert.deepEqual(
    [UPLOAD, begun].map((one) => existsSync(uploadPartPath(tree, one))),
    [false, true],
  );
});

test('a sweep leaves a part alone that is being written', async () => {
  const more = Promise.withResolvers<void>();
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield ROOT;
    await more.promise;
  }
  const writing = writePart(tree, UPLOAD, { ...pieceOf(ROOT), content: slow() });
  const names = () => readdirSync(dirname(uploadPartPath(tree, UPLOAD)));
  await eventuallyWithin(8000, 'the part is there', () => existsSync(uploadPartPath(tree, UPLOAD)));
  await sweepParts(tree, async () => [], Date.now());
  assert.equal(names().length, 1);
  more.resolve();
  assert.equal(await writing, 'written');
  await sweepParts(tree, async () => [], Date.now());
  assert.deepEqual(names(), []);
});
