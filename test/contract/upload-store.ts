// The contract of every region store for uploads of images. Called by the test of each implementation.

import assert from 'node:assert/strict';
import type { RegionStore } from '../../src/region/records/store.ts';
import { type ImageUpload, type NewUpload, UPLOADS_MAX } from '../../src/region/records/upload-store.ts';
import { EVENT } from './machines.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

const UPLOAD: NewUpload = {
  name: 'custom/site/amd64/generic/uploaded',
  title: 'Site',
  fileType: 'ddraw',
  bytes: 2 ** 36,
  sha256: 'a'.repeat(64),
  username: 'bob',
  createdMs: 5,
};
const FIRST = { from: 0, to: 4, place: 'host:/tree', atMs: 6 };

async function begun(store: RegionStore, more: Partial<NewUpload> = {}): Promise<ImageUpload> {
  const upload = await store.uploads.begin({ ...UPLOAD, ...more }, EVENT);
  assert.ok(typeof upload === 'object');
  return upload;
}

export function testUploadStore(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check('an upload is stored whole, advances from where it is, and another process sees it', async (store, place) => {
    const { uploads } = store;
    const upload = await begun(store);
    assert.deepEqual(upload, {
      ...UPLOAD,
      id: upload.id,
      received: 0,
      place: '',
      reason: undefined,
      changedMs: 5,
    });
    assert.equal(await uploads.advance(upload.id, FIRST), true);
    assert.equal(await uploads.advance(upload.id, FIRST), false, 'the piece is there already');
    assert.equal(await uploads.advance(upload.id, { ...FIRST, from: 5, to: 9 }), false, 'a byte would be missing');
    const other = await place.open();
    assert.equal(await other.uploads.advance(upload.id, { from: 4, to: 2 ** 36, place: 'host:/tree', atMs: 7 }), true);
    await other.close();
    assert.deepEqual(await uploads.list(), [{ ...upload, received: 2 ** 36, place: 'host:/tree', changedMs: 7 }]);
    assert.equal((await store.listEvents({ limit: 9 })).length, 1);
  });

  check('a new upload of a name replaces the one before; there is a bound', async (store) => {
    const { uploads } = store;
    const first = await begun(store);
    await uploads.advance(first.id, FIRST);
    const second = await begun(store, { bytes: 7 });
    assert.deepEqual(
      (await uploads.list()).map(({ id, received }) => [id, received]),
      [[second.id, 0]],
    );
    assert.equal(await uploads.advance(first.id, { ...FIRST, from: 4, to: 5 }), false);
    for (let at = 1; at < UPLOADS_MAX; at += 1) await begun(store, { name: `custom/x${at}/amd64/generic/uploaded` });
    const more = { ...UPLOAD, name: 'custom/more/amd64/generic/uploaded' };
    assert.equal(await uploads.begin(more, EVENT), 'limit');
    assert.equal((await begun(store)).received, 0, 'one of these is still replaced');
  });

  check('a failed upload keeps its reason and takes no more, until it is removed', async (store) => {
    const { uploads } = store;
    const { id } = await begun(store);
    const reason = { code: 'said', params: { said: 'its content has another hash' } } as const;
    assert.equal(await uploads.fail(id, reason, EVENT), true);
    assert.equal(await uploads.advance(id, FIRST), false);
    const [failed] = await uploads.list();
    assert.deepEqual([failed?.reason, failed?.changedMs], [reason, EVENT.atMs]);
    assert.deepEqual([await uploads.remove(id, EVENT), await uploads.remove(id, EVENT)], [true, false]);
    assert.equal(await uploads.fail(id, reason, EVENT), false);
    assert.equal((await store.listEvents({ limit: 9 })).length, 3);
  });

  check('the resource of an upload stays while it has one', async (store) => {
    const { boot, uploads } = store;
    const { id, name } = await begun(store);
    await boot.addResources([name], 1);
    await boot.forget([name]);
    const [resource] = await boot.listResources();
    assert.equal(resource?.name, name);
    await uploads.remove(id);
    await boot.forget([name]);
    assert.deepEqual(await boot.listResources(), []);
  });
}
