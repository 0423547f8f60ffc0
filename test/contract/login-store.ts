// The contract of every region store for debug logins, called by the test of each implementation.

import assert from 'node:assert/strict';
import { mac } from '../../src/net/address.ts';
import type { DebugLogin } from '../../src/region/records/login-store.ts';
import type { NewMachineEvent } from '../../src/region/records/machine-event.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { FIELDS } from './region-store.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

const EVENT: NewMachineEvent = {
  type: 'NODE',
  code: 'rack',
  params: { text: 'a debug login' },
  atMs: 1,
  username: 'bob',
};
const LOGIN: DebugLogin = { username: 'bob', openedMs: 10, expiresMs: 20, tokenDigest: undefined, hostKey: '' };

async function create(store: RegionStore, systemId: string): Promise<void> {
  await store.enlist({ macs: [mac(1)], values: [], atMs: 1 }, () => ({
    kind: 'create',
    systemId,
    fields: FIELDS,
    interfaces: [{ mac: mac(1), name: 'eth0' }],
    events: [],
  }));
}

export function testLoginStore(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check(
    'a debug login is opened, reopened, noted and closed, each with its event, and other processes see it',
    async (store, place) => {
      await create(store, 'abc');
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
    await create(store, 'abc');
    await store.logins.openDebug('abc', LOGIN, EVENT);
    await store.removeMachine('abc', EVENT);
    assert.equal(await store.logins.findDebug('abc'), undefined);
    await store.logins.noteDebug('abc', { hostKey: 'x' });
  });
}
