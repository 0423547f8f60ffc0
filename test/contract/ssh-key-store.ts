// The contract of every region store for the SSH key of its processes, called by the test of each implementation.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { EVENT } from './machines.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

const KEYS = ['one', 'two', 'three', 'four'];

export function testSshKeyStore(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check('the first SSH key is kept, for every process and after the end of all', async (store, place) => {
    assert.equal(await store.sshKey.find(), undefined);
    assert.equal(await store.sshKey.keep('one\n', 1), 'one\n');
    const other = await place.open();
    assert.equal(await other.sshKey.find(), 'one\n');
    assert.equal(await other.sshKey.keep('two\n', 2), 'one\n');
    await other.close();
  });

  check('processes that store an SSH key at the same time all get one of them', async (_, place) => {
    const stores = await Promise.all(KEYS.map(() => place.open()));
    const kept = await Promise.all(stores.map((store, index) => store.sshKey.keep(KEYS[index] ?? '', 1)));
    assert.equal(new Set(kept).size, 1, `${kept}`);
    assert.ok(KEYS.includes(kept[0] ?? ''));
    for (const store of stores) {
      assert.equal(await store.sshKey.find(), kept[0]);
      await store.close();
    }
  });

  check('a user has keys of every length once, and another user may have the same', async (store) => {
    // An RSA key of 16384 bits has about 2800 characters; random ones, because a database compresses others.
    const long = `ssh-rsa ${randomBytes(12_000).toString('base64')}`;
    const add = (username: string, key: string) => store.life.addSshKey({ username, key, createdMs: 1 }, 9, EVENT);
    assert.deepEqual(await add('ann', long), { id: 1, username: 'ann', key: long, createdMs: 1 });
    assert.equal(await add('ann', long), 'exists');
    assert.notEqual(await add('bob', long), 'exists');
    assert.deepEqual(
      (await store.life.listSshKeys('ann')).map(({ key }) => key),
      [long],
    );
  });
}
