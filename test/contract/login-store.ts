// The contract of every region store for debug logins, called by the test of each implementation.

import assert from 'node:assert/strict';
import type { DebugLogin } from '../../src/region/records/login-store.ts';
import { addMachine, EVENT } from './machines.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

const LOGIN: DebugLogin = { username: 'bob', openedMs: 10, expiresMs: 20, tokenDigest: undefined, hostKey: '' };

export function testLoginStore(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check(
    'a debug login is opened, reopened, noted and closed, each with its event, and other processes see it',
    async (store, place) => {
      await addMachine(store, 'abc', [1]);
      assert.equal(await store.logins.findDebug('abc'), undefined);
      assert.equal(await store.logins.closeDebug('abc', EVENT), false);
      assert.equal(await store.logins.openDebug('abc', LOGIN, EVENT), true);
      await store.logins.noteDebug('abc', { tokenDigest: 'aa' });
      await store.logins.noteDebug('abc', { hostKey: 'SHA256:x' });
      const other = await place.open();
      assert.deepEqual(await other.logins.findDebug('abc'), { ...LOGIN, tokenDigest: 'aa', hostKey: 'SHA256:x' });
      const again = { ...LOGIN, username: 'ann', expiresMs: 40 };
      assert.equal(await other.logins.openDebug('abc', again, EVENT), true);
      await other.close();
      assert.deepEqual(await store.logins.findDebug('abc'), again);
      assert.equal(await store.logins.closeDebug('abc', EVENT), true);
      assert.equal(await store.logins.findDebug('abc'), undefined);
      assert.equal((await store.listEvents({ limit: 10 })).length, 3);
    },
  );

  check('there is no debug login without its machine', async (store) => {
    assert.equal(await store.logins.openDebug('none', LOGIN, EVENT), false);
    await addMachine(store, 'abc', [1]);
    await store.logins.openDebug('abc', LOGIN, EVENT);
    await store.removeMachine('abc', EVENT);
    assert.equal(await store.logins.findDebug('abc'), undefined);
    await store.logins.noteDebug('abc', { hostKey: 'x' });
  });
}
