// Users and their API keys over the API, as MAAS's clients see them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAdmin } from '../../../src/region/accounts/accounts.ts';
import { assertStatus } from '../../support/answered.ts';
import { withAskedApi } from '../asked-api.ts';
import { enlist, report } from '../place.ts';
import { withSite } from './sent/trial.ts';

const machineOf = async (api: Parameters<Parameters<typeof withAskedApi>[0]>[0], last: number, owner: string) => {
  const { region, store } = api.place;
  const { systemId } = await enlist(region, report([0x525400000000 + last]));
  const fields = { status: 'deployed', owner } as const;
  await store.changeMachine(systemId, 1, () => ({ kind: 'change', fields, events: [] }));
  return systemId;
};

test('a user is created, read, listed and deleted by an administrator only', () =>
  withAskedApi(async ({ ask }) => {
    const fields = { username: 'carol', email: 'carol@example.org', password: 'long enough', is_superuser: '0' };
    await assertStatus(ask('POST', '2.0/users/', fields, 'alice'), 403);
    const made = await ask('POST', '2.0/users/', fields);
    assert.deepEqual(made.json, {
      username: 'carol',
      email: 'carol@example.org',
      is_superuser: false,
      is_local: true,
      resource_uri: '/MAAS/api/2.0/users/carol/',
    });
    assert.deepEqual((await ask('GET', '2.0/users/carol/', undefined, 'alice')).json, made.json);
    const names = (await ask('GET', '1.0/users/')).json.map((one: { username: string }) => one.username);
    assert.deepEqual(names, ['admin', 'alice', 'bob', 'carol']);
    assert.equal((await ask('GET', '2.0/users/?op=whoami', undefined, 'bob')).json.username, 'bob');
    await assertStatus(ask('DELETE', '2.0/users/carol/', undefined, 'alice'), 403);
    await assertStatus(ask('DELETE', '2.0/users/carol/'), 204);
    await assertStatus(ask('GET', '2.0/users/carol/'), 404);
  }));

test('an e-mail address belongs to one user, in upper or lower case', () =>
  withAskedApi(async ({ ask }) => {
    await assertStatus(ask('PUT', '2.0/users/alice/', { email: 'a@example.org' }), 200);
    const taken = { email: ['Another user has the e-mail address A@example.org: give another one, or none.'] };
    for (const refused of [
      await ask('POST', '2.0/users/', { username: 'carol', email: 'A@example.org', password: 'long enough' }),
      await ask('PUT', '2.0/users/bob/', { email: 'A@example.org' }),
    ])
      assert.deepEqual([refused.status, refused.json], [400, taken]);
    await assertStatus(ask('PUT', '2.0/users/alice/', { email: 'A@example.org' }), 200);
    const wrong = await ask('POST', '2.0/users/', { username: 'dora', email: 'x', password: 'long enough' });
    assert.deepEqual(wrong.json, { email: ['an e-mail address must have the form name@host'] });
  }));

test('an administrator changes the e-mail address of a user, alone or with the rights', () =>
  withAskedApi(async ({ ask }) => {
    for (const version of ['1.0', '2.0']) {
      const at = `${version}/users/alice/`;
      const read = async () => (await ask('GET', at, undefined, 'bob')).json;
      await assertStatus(ask('PUT', at, { email: 'alice@example.org' }, 'alice'), 403);
      const changed = await ask('PUT', at, { email: 'alice@example.org' });
      assert.deepEqual([changed.status, changed.json.email], [200, 'alice@example.org'], changed.text);
      assert.deepEqual(await read(), changed.json);
      assert.equal(changed.json.is_superuser, false);
      const promoted = await ask('PUT', at, { is_superuser: 'true', email: '' });
      assert.deepEqual([promoted.json.email, promoted.json.is_superuser], ['', true]);
      assert.deepEqual(await read(), promoted.json);
      for (const email of ['alice', 'a b@example.org', '\u001b[31m@example.org', `${'x'.repeat(250)}@example.org`]) {
        const refused = await ask('PUT', at, { email });
        assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['email']], email);
      }
      const demoted = await ask('PUT', at, { is_superuser: 'false' });
      assert.deepEqual([demoted.json.email, demoted.json.is_superuser], ['', false]);
      assert.deepEqual((await ask('PUT', at, {})).json, demoted.json);
    }
    const { events } = (await ask('GET', '2.0/events/?op=query', { level: 'AUDIT' })).json;
    assert.ok(
      events.some((one: { description: string }) => /changed the e-mail address of alice/.test(one.description)),
    );
  }));

test('a user with machines is deleted only if another user gets them', () =>
  withAskedApi(async (api) => {
    const ids = [await machineOf(api, 3, 'bob')];
    const { ask } = api;
    const refusedFor = async (username: string, owned: RegExp) => {
      const refused = await assertStatus(ask('DELETE', `2.0/users/${username}/`), 409);
      assert.match(refused.text, owned);
    };
    const overTo = 'or name the user who takes them over \\(transfer_resources_to\\)';
    await refusedFor('bob', RegExp(`^bob owns 1 machine: release it first, ${overTo}\\.$`));
    const device = { mac_addresses: '52:54:00:00:01:01' };
    await assertStatus(ask('POST', '2.0/devices/', device, 'alice'), 200);
    await refusedFor('alice', RegExp(`^alice owns 1 device: delete it first, ${overTo}`));
    ids.push(await machineOf(api, 1, 'alice'), await machineOf(api, 2, 'alice'));
    await refusedFor('alice', /^alice owns 2 machines and 1 device: release machines and delete devices first, or /);
    for (const heir of ['nobody', 'alice']) {
      const { status, json } = await ask('DELETE', '2.0/users/alice/', { transfer_resources_to: heir });
      assert.deepEqual([status, Object.keys(json)], [400, ['transfer_resources_to']], heir);
    }
    const file = { filename: 'provider-state', file: 'abc' };
    await assertStatus(ask('POST', '2.0/files/', file, 'alice'), 201);
    const { key } = (await ask('GET', '2.0/files/provider-state/', undefined, 'alice')).json;
    const readFile = async () => (await ask('GET', '2.0/files/?op=get_by_key', { key }, 'bob')).status;
    assert.equal(await readFile(), 200);
    await assertStatus(ask('DELETE', '2.0/users/alice/', { transfer_resources_to: 'bob' }), 204);
    assert.deepEqual([await readFile(), (await ask('GET', '2.0/files/', undefined, 'bob')).json], [404, []]);
    for (const id of ids) assert.equal((await ask('GET', `2.0/machines/${id}/`)).json.owner, 'bob');
    const { events } = (await ask('GET', '2.0/events/?op=query', { level: 'AUDIT', id: ids.at(-1) ?? '' })).json;
    assert.equal(events[0].description, 'its owner is now bob, instead of alice, whose account was removed');
  }));

test('a user with reserved addresses or ranges is deleted only if another user gets them', () =>
  withSite(async ({ ask }) => {
    await ask('POST', '2.0/ipaddresses/?op=reserve', { ip: '10.20.0.5' }, 'alice');
    const span = { type: 'reserved', start_ip: '10.20.0.6', end_ip: '10.20.0.7' };
    await assertStatus(ask('POST', '2.0/ipranges/', span, 'alice'), 200);
    const refused = await assertStatus(ask('DELETE', '2.0/users/alice/'), 409);
    assert.match(refused.text, /alice has 2 reserved addresses and ranges: release them first/);
    await assertStatus(ask('DELETE', '2.0/users/alice/', { transfer_resources_to: 'bob' }), 204);
    const addresses = (await ask('GET', '2.0/ipaddresses/', undefined, 'bob')).json;
    assert.deepEqual(
      addresses.map((one: { ip: string; owner: { username: string } }) => [one.ip, one.owner.username]),
      [['10.20.0.5', 'bob']],
    );
    const ranges = (await ask('GET', '2.0/ipranges/')).json.filter((one: { type: string }) => one.type === 'reserved');
    assert.deepEqual(
      ranges.map((one: { user: { username: string } }) => one.user.username),
      ['bob'],
    );
  }));

test('the name of a key becomes one line, when it is made and when it is renamed', () =>
  withAskedApi(async ({ ask }) => {
    const made = await ask('POST', '2.0/account/?op=create_authorisation_token', { name: ' a\r\nb\u0007 ' }, 'alice');
    assert.equal(made.json.name, 'a b\\x07', made.text);
    const token = made.json.token_key;
    await ask('POST', '2.0/account/?op=update_token_name', { token, name: 'c\nd' }, 'alice');
    const listed = (await ask('GET', '2.0/account/?op=list_authorisation_tokens', undefined, 'alice')).json;
    assert.ok(listed.some(({ name }: { name: string }) => name === 'c d'));
  }));

test('a user has several keys, which are listed without secrets, renamed and revoked', () =>
  withAskedApi(async ({ ask }) => {
    const create = (name: string) => ask('POST', '2.0/account/?op=create_authorisation_token', { name }, 'alice');
    const made = [(await create('juju')).json, (await create('terraform')).json];
    assert.deepEqual(Object.keys(made[0]), ['consumer_key', 'token_key', 'token_secret', 'name']);
    // The key of these requests has no name. Keys of one millisecond are in no order.
    const list = async (): Promise<readonly { readonly name: string; readonly token: string }[]> =>
      (await ask('GET', '2.0/account/?op=list_authorisation_tokens', undefined, 'alice')).json
        .filter(({ name }: { name: string }) => name !== '')
        .sort((a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(
      await list(),
      made.map((key) => ({ name: key.name, token: `${key.consumer_key}:${key.token_key}:` })),
    );
    const [juju, terraform] = made.map((key) => key.token_key);
    const whole = `${made[0].consumer_key}:${juju}:${made[0].token_secret}`;
    for (const [token, name] of [
      [whole, 'one'],
      [terraform, 'two'],
    ] as const) {
      const renamed = await ask('POST', '1.0/account/?op=update_token_name', { token, name }, 'alice');
      assert.deepEqual([renamed.status, renamed.text], [200, 'Accepted']);
    }
    assert.deepEqual(
      (await list()).map((key) => key.name),
      ['one', 'two'],
    );
    await assertStatus(ask('POST', '2.0/account/?op=update_token_name', { token: juju, name: 'x' }, 'bob'), 404);
    assert.deepEqual((await ask('POST', '2.0/account/?op=update_token_name', { token: ':', name: 'x' })).status, 400);
    const drop = (by: 'alice' | 'bob') =>
      ask('POST', '2.0/account/?op=delete_authorisation_token', { token_key: juju }, by);
    assert.deepEqual(
      [(await drop('bob')).status, (await drop('alice')).status, (await drop('alice')).status],
      [404, 204, 404],
    );
    assert.deepEqual(
      (await list()).map((key) => key.name),
      ['two'],
    );
  }));

test('no account gets a name that the service itself uses, whoever makes it', () =>
  withAskedApi(async ({ ask, place: { store, clock } }) => {
    for (const username of [
      'local-administrator',
      'Local-Administrator',
      'MAAS',
      'maas',
      'maas-init-node',
      'unknown',
    ]) {
      const fields = { username, email: '', password: 'long enough' };
      const { status, json } = await ask('POST', '2.0/users/', fields);
      assert.equal(status, 400, username);
      assert.match(String(json.username), /^the service itself uses this user name/);
      await assert.rejects(createAdmin(store, clock, fields), { code: 'bad-argument', message: /^the service itself/ });
    }
    const fields = { username: 'local-administrator2', email: '', password: 'long enough' };
    await assertStatus(ask('POST', '2.0/users/', fields), 200);
  }));
