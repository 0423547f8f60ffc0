// A rack with an administrator's API key speaks only while the key's owner is an administrator; refused, it is told why and how to mend it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { addAdmin } from '../accounts/administrator.ts';
import { type LinkPlace, withLink } from '../http/link-place.ts';
import { heartbeatOf, RACK_UUID, rackAuthorization } from './rack-place.ts';

type Headers = Readonly<Record<string, string>>;

interface Key {
  readonly headers: Headers;
  /** `token:secret`, with which a rack speaks for machines. */
  readonly voice: string;
}

async function keyOf({ store, clock }: LinkPlace, username: string): Promise<Key> {
  await addAdmin(store, clock, { username, email: '', password: 'long enough' });
  const [consumer, token = '', secret = ''] = (await createApiKey(store, clock, username)).split(':');
  const authorization = rackAuthorization(token, secret).replace('"rack"', `"${consumer}"`);
  return { headers: { authorization }, voice: `${token}:${secret}` };
}

/** The requests that the region allows a rack: report, read its state, and speak for a machine of its network. */
async function said(place: LinkPlace, { headers, voice }: Key): Promise<readonly unknown[]> {
  const through = { 'x-rackboot-rack': voice, 'x-forwarded-for': '10.50.0.9' };
  const body = new URLSearchParams({ architecture: 'amd64', mac_addresses: '52:54:00:00:00:01' });
  const spoken = await place.ask('POST', 'api/2.0/machines/', { headers: through, body });
  const beat = await place.rack('heartbeat', heartbeatOf(), headers);
  const state = await place.rack('state', undefined, headers);
  return [beat.status, state.status, spoken.status];
}

const setAdmin = ({ ask }: LinkPlace, boss: Key, isAdmin: boolean) =>
  ask('PUT', 'api/2.0/users/mallory/', {
    headers: boss.headers,
    body: new URLSearchParams({ is_superuser: String(isAdmin) }),
  });
const warnings = async ({ store }: LinkPlace): Promise<readonly unknown[]> =>
  (await store.listEvents({ limit: 50 }))
    .filter(({ code }) => code === 'rack-owner-lost')
    .map(({ username, params }) => [username, params]);

test('a rack with the key of an administrator who lost the rights is refused, until it has them or another such key', () =>
  withLink(async (place) => {
    const boss = await keyOf(place, 'ann');
    const mallory = await keyOf(place, 'mallory');
    assert.equal((await place.register({}, mallory.headers)).status, 200);
    assert.deepEqual(await said(place, mallory), [200, 200, 200]);

    assert.equal((await setAdmin(place, boss, false)).status, 200);
    assert.deepEqual(await said(place, mallory), [403, 403, 403]);
    assert.deepEqual(await warnings(place), [['ann', { user: 'mallory', racks: ['rack-2'], more: 0 }]]);
    for (const answer of [
      await place.rack('state', undefined, mallory.headers),
      await place.register({}, mallory.headers),
    ]) {
      assert.equal(answer.status, 403);
      assert.match(answer.text, /rack-2 .*mallory, who is no longer an administrator.*region\.api_key_file/s);
      assert.ok(answer.text.length < 300, 'a rack shows no more of them');
    }

    await setAdmin(place, boss, true);
    assert.deepEqual(await said(place, mallory), [200, 200, 200]);

    await setAdmin(place, boss, false);
    assert.equal((await place.register({}, boss.headers)).status, 200);
    assert.equal(place.region.racks.find(RACK_UUID)?.state, 'accepted');
    assert.deepEqual(await said(place, boss), [200, 200, 200]);
    assert.deepEqual(await said(place, mallory), [401, 401, 403]);
  }));

test('a rack with a key that it generated works on, whoever accepted it', () =>
  withLink(async (place) => {
    const boss = await keyOf(place, 'ann');
    await keyOf(place, 'mallory');
    await place.register();
    await place.region.racks.judge([RACK_UUID], 'accept', 'mallory');
    await setAdmin(place, boss, false);
    assert.equal((await place.rack('state')).status, 200);
    assert.deepEqual(await warnings(place), []);
  }));

test('the removal of an account names the racks with its key', () =>
  withLink(async (place) => {
    const boss = await keyOf(place, 'ann');
    const mallory = await keyOf(place, 'mallory');
    await place.register({}, mallory.headers);
    assert.equal((await place.ask('DELETE', 'api/2.0/users/mallory/', { headers: boss.headers })).status, 204);
    assert.deepEqual(await warnings(place), [['ann', { user: 'mallory', racks: ['rack-2'], more: 0 }]]);
  }));
