// The contract of every region store for users' files. Called by the test of each implementation.

import assert from 'node:assert/strict';
import { FILE_BYTES_PER_USER_MAX, FILES_PER_USER_MAX } from '../../src/region/records/file-store.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { EVENT } from './machines.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

async function addUsers(store: RegionStore): Promise<void> {
  for (const username of ['ann', 'bob'])
    await store.accounts.addUser({ username, email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });
}

const fileOf = (name: string, key: string, ...bytes: readonly number[]) => ({
  name,
  key,
  content: Uint8Array.from(bytes),
});

export function testFileStore(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check('a file keeps its bytes and its key until it is removed; each user has its own', async (store, place) => {
    await addUsers(store);
    const { files } = store;
    assert.deepEqual(await files.put('ann', fileOf('a', 'k1', 0, 255), 1), { name: 'a', key: 'k1' });
    assert.deepEqual(await files.put('ann', fileOf('a', 'k2', 1, 0, 254), 2), { name: 'a', key: 'k1' });
    await files.put('bob', fileOf('a', 'k3', 7), 3);
    assert.equal(await files.put('nobody', fileOf('a', 'k4'), 3), 'no-user');
    const other = await place.open();
    const bytes = async (user: string) => [...((await other.files.find(user, 'a'))?.content ?? [])];
    assert.deepEqual([await bytes('ann'), await bytes('bob')], [[1, 0, 254], [7]]);
    assert.equal((await other.files.findByKey('k3'))?.content.length, 1);
    assert.equal(await other.files.findByKey('k2'), undefined);
    await files.put('ann', fileOf('B', 'k5'), 4);
    assert.deepEqual((await other.files.list('ann')).map(({ key }) => key).sort(), ['k1', 'k5']);
    assert.deepEqual([await files.remove('bob', 'B'), await files.remove('ann', 'B')], [false, true]);
    await store.accounts.removeUser('ann', EVENT);
    assert.equal(await other.files.findByKey('k1'), undefined);
    await other.close();
  });

  check('files of a user are bounded in number and bytes', async (store) => {
    await addUsers(store);
    const { files } = store;
    const large = (name: string, bytes: number) => ({ name, key: name, content: new Uint8Array(bytes) });
    assert.ok(typeof (await files.put('ann', large('a', FILE_BYTES_PER_USER_MAX - 1), 1)) === 'object');
    assert.equal(await files.put('ann', large('b', 2), 1), 'limit');
    assert.ok(typeof (await files.put('ann', large('a', FILE_BYTES_PER_USER_MAX), 1)) === 'object', 'it is replaced');
    await store.transact(async () => {
      for (let count = 0; count < FILES_PER_USER_MAX; count += 1)
        await files.put('bob', fileOf(`f${count}`, `key${count}`), 1);
    });
    assert.equal(await files.put('bob', fileOf('more', 'more'), 1), 'limit');
    assert.ok(typeof (await files.put('bob', fileOf('f1', 'again'), 1)) === 'object', 'it is replaced');
  });
}
