// Uploads without their files: the room that they need together, one piece at a time, a host without the bytes, a full disk, and an image that takes
// longer than the client waits.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RackError } from '../../../src/ground/errors.ts';
import type { PieceCount, PieceResult } from '../../../src/images/make/upload-part.ts';
import type { UploadFiles } from '../../../src/region/images/uploads.ts';
import { describeMissingUpload } from '../../../src/region/images/uploads.ts';
import type { ImportReason } from '../../../src/region/records/import-reason.ts';
import { refusal } from '../../../src/region/records/refusal.ts';
import { type ImageUpload, UPLOADS_MAX } from '../../../src/region/records/upload-store.ts';
import { makeRegion, type RegionPlace } from '../place.ts';

/** Files that only say what was asked of them. */
class SaidFiles implements UploadFiles {
  readonly place = 'here:/tree';
  readonly fileTypes = ['ddraw'];
  readonly rooms: number[] = [];
  readonly finished: number[] = [];
  full = false;
  writes = 0;
  written: 'written' | 'short' | 'missing' = 'written';
  writing: Promise<void> = Promise.resolve();
  finishing: Promise<boolean> = Promise.resolve(true);
  looks = 0;
  reason: ImportReason | undefined;
  findPendingReason(): ImportReason | undefined {
    return this.reason;
  }
  async checkRoom(bytes: number): Promise<void> {
    this.rooms.push(bytes);
    if (this.full) throw new RackError('store-unwritable', 'the disk is full: free space');
  }
  async hasBytes(): Promise<boolean> {
    return true;
  }
  isReserved(): boolean {
    return false;
  }
  countExcessCharacters(): number {
    return 0;
  }

  imageBytes({ fileType, bytes }: { readonly fileType: string; readonly bytes: number }): number {
    return fileType === 'ddraw' ? bytes : 0;
  }
  async write(_: ImageUpload, { isUnchanged, count }: PieceCount): Promise<PieceResult> {
    this.writes += 1;
    if (!(await isUnchanged())) return 'busy';
    await this.writing;
    if (this.full) throw new RackError('store-unwritable', 'the disk is full: free space');
    return this.written === 'written' && !(await count()) ? 'busy' : this.written;
  }
  async receive(): Promise<never> {
    throw new Error('no whole file comes');
  }
  async discard(): Promise<void> {}
  async adopt(): Promise<void> {}
  async finish({ id }: ImageUpload): Promise<boolean> {
    this.finished.push(id);
    return await this.finishing;
  }
  checkUploads(): void {
    this.looks += 1;
  }
}

async function withUploads(work: (place: RegionPlace, files: SaidFiles) => Promise<void>): Promise<void> {
  const files = new SaidFiles();
  const place = await makeRegion({}, 1, undefined, { uploadFiles: () => files });
  try {
    await work(place, files);
  } finally {
    await place.remove();
  }
}

const wanted = (release: string, bytes = 100) => ({
  name: `custom/${release}/amd64/generic/uploaded`,
  title: '',
  fileType: 'ddraw',
  bytes,
  sha256: 'a'.repeat(64),
  username: 'admin',
});
const content = async function* (): AsyncGenerator<Uint8Array> {};
const piece = (bytes: number) => ({ bytes, content: content() });

async function begun({ region }: RegionPlace, release: string, bytes = 100): Promise<ImageUpload> {
  const upload = await region.bootImages.uploads.create(wanted(release, bytes));
  assert.ok('id' in upload);
  return upload;
}

test('an upload begins only if the disk has room for all missing bytes of all uploads, and for their images', () =>
  withUploads(async (place, files) => {
    const { uploads } = place.region.bootImages;
    const first = await begun(place, 'one');
    assert.equal(await uploads.receivePiece(first.id, piece(30)), undefined);
    await begun(place, 'two', 50);
    await begun(place, 'one', 7);
    const [one, two, again] = [100 + 100, 70 + 100 + 50 + 50, 50 + 50 + 7 + 7];
    assert.deepEqual(files.rooms, [one, two, again - 30], 'a replaced one needs no room, and its bytes become free');
    await uploads.create({ ...wanted('root', 9), fileType: 'squashfs' });
    assert.equal(files.rooms.at(-1), again + 9, 'a root becomes the image as it is');
    await uploads.removeNamed(wanted('root').name);
    files.full = true;
    const refused = await uploads.create(wanted('three'));
    assert.ok('refusal' in refused && refused.refusal.name === 'uploads-limit');
    assert.equal((await uploads.list()).length, 2);
  }));

test('an upload that is one too many is refused, and leaves no image in the list', () =>
  withUploads(async (place) => {
    for (let at = 0; at < UPLOADS_MAX; at += 1) await begun(place, `x${at}`);
    const { uploads } = place.region.bootImages;
    const refused = await uploads.create(wanted('more'));
    assert.ok('refusal' in refused && refused.refusal.name === 'uploads-limit', JSON.stringify(refused));
    const names = (await place.region.store.boot.listResources()).map(({ name }) => name);
    assert.equal(names.includes(wanted('more').name), false);
    assert.equal(names.length, UPLOADS_MAX);
  }));

test('a piece that is cut short, meets a full disk or a host without the bytes changes nothing', () =>
  withUploads(async (place, files) => {
    const { uploads } = place.region.bootImages;
    const { id } = await begun(place, 'one');
    const code = async () => (await uploads.receivePiece(id, piece(10)))?.name;
    files.written = 'short';
    assert.equal(await code(), 'bad-request');
    files.written = 'missing';
    assert.equal(await code(), 'upload-conflict');
    files.written = 'written';
    files.full = true;
    assert.equal(await code(), 'uploads-limit');
    assert.equal((await uploads.list())[0]?.received, 0);
    files.full = false;
    assert.equal(await code(), undefined);
    assert.equal((await uploads.list())[0]?.place, 'here:/tree');
  }));

test('a piece of an upload whose bytes another host has is refused before it is written', () =>
  withUploads(async (place, files) => {
    const { uploads } = place.region.bootImages;
    const { id } = await begun(place, 'one');
    await place.store.uploads.advance(id, { from: 0, to: 10, place: 'other:/tree', atMs: 1 });
    assert.equal((await uploads.receivePiece(id, piece(10)))?.name, 'upload-conflict');
    assert.equal(files.writes, 0);
    assert.equal((await uploads.list())[0]?.place, 'other:/tree');
  }));

test('a second piece is refused while the first one arrives', () =>
  withUploads(async (place, files) => {
    const { uploads } = place.region.bootImages;
    const { id } = await begun(place, 'one');
    const held = Promise.withResolvers<void>();
    files.writing = held.promise;
    const first = uploads.receivePiece(id, piece(10));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await uploads.receivePiece(id, piece(10)))?.name, 'upload-conflict');
    held.resolve();
    assert.equal(await first, undefined);
    assert.equal((await uploads.list())[0]?.received, 10);
  }));

test('a piece of an upload that was deleted or replaced meanwhile is answered as any other piece of it', () =>
  withUploads(async (place, files) => {
    const { uploads } = place.region.bootImages;
    for (const replace of [false, true]) {
      const { id, name } = await begun(place, 'one');
      const end = async (): Promise<void> => {
        await uploads.removeNamed(name);
        if (replace) await begun(place, 'one', 7);
      };
      const held = Promise.withResolvers<void>();
      files.writing = held.promise;
      const arriving = uploads.receivePiece(id, piece(10));
      await new Promise((resolve) => setImmediate(resolve));
      await end();
      const { looks } = files;
      held.resolve();
      assert.deepEqual(await arriving, refusal('not-found', describeMissingUpload(id)));
      assert.equal(files.looks, looks + 1, 'its part can go now');
      const last = await begun(place, 'one');
      files.finishing = end().then(() => false);
      assert.deepEqual(
        await uploads.receivePiece(last.id, piece(100)),
        refusal('not-found', describeMissingUpload(last.id)),
      );
      await uploads.removeNamed(name);
      files.finishing = Promise.resolve(true);
    }
  }));

test('the last piece waits 20 s for the image, whose delay has a reason then', () =>
  withUploads(async (place, files) => {
    const { region, clock } = place;
    const { uploads } = region.bootImages;
    const { id } = await begun(place, 'one');
    files.finishing = new Promise(() => undefined);
    const reason = { code: 'said', params: { said: 'the disk is full: free space' } } as const;
    files.reason = reason;
    let isAnswered = false;
    const last = uploads.receivePiece(id, piece(100)).finally(() => {
      isAnswered = true;
    });
    for (let turns = 0; turns < 50 && files.finished.length === 0; turns += 1)
      await new Promise((resolve) => setImmediate(resolve));
    clock.advance(19_000);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([files.finished, isAnswered], [[id], false]);
    clock.advance(1001);
    assert.equal(await last, undefined);
    const [resource] = await region.bootImages.listResources();
    assert.deepEqual([resource?.progress?.state, resource?.progress?.reason], ['verifying', reason]);
  }));
