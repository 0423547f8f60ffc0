// Two processes of one region on PostgreSQL, on a real server: sessions, limits of passwords and of registrations, event streams, and removals hold across both.
// @host waits, 20 s

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { createApiKey, KEYS_PER_USER_MAX } from '../../src/region/accounts/accounts.ts';
import { PASSWORDS_OF_RARE, PASSWORDS_PER_ADDRESS } from '../../src/region/accounts/password-limits.ts';
import { NEW_PASSWORDS_PER_ACCOUNT } from '../../src/region/accounts/passwords.ts';
import { SSH_KEYS_PER_USER_MAX } from '../../src/region/accounts/ssh-keys.ts';
import { REGISTRATIONS_PER_ADDRESS } from '../../src/region/racks/introductions.ts';
import { FILES_PER_USER_MAX } from '../../src/region/records/file-store.ts';
import { PLACE_KEPT_MS, PRESENT_MS } from '../../src/region/records/host-image-store.ts';
import { FIELDS } from '../contract/machines.ts';
import { eventPlaces } from '../support/event-ids.ts';
import { missing } from '../support/needs.ts';
import { authorizationOf } from '../support/oauth.ts';
import type { RegionDatabases } from '../support/postgres-server.ts';
import { type LiveRegion, PASSWORD } from './live.ts';
import { registrationFields } from './racks/rack-place.ts';
import { ask, TwoProcesses } from './two-processes.ts';

const EVENTS = 60;
const HASH = 'ab'.repeat(32);

let place: TwoProcesses;
let databases: RegionDatabases;
let database: string;
let first: LiveRegion;
let second: LiveRegion;

describe('two processes of one region on PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  before(async () => {
    place = await TwoProcesses.start();
    ({ databases, database, first, second } = place);
  });
  after(() => place?.close());

  /** The cookie of a browser that signs in at this process. */
  async function signIn({ origin }: LiveRegion): Promise<string> {
    const answer = await fetch(`${origin}/MAAS/login/`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ username: 'admin', password: PASSWORD, to: '/MAAS/account/' }),
    });
    assert.equal(answer.status, 303);
    return (answer.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
  }

  const accountPage = ({ origin }: LiveRegion, cookie: string): Promise<Response> =>
    fetch(`${origin}/MAAS/account/`, { headers: { cookie, accept: 'text/html' }, redirect: 'manual' });

  /** The cookie's name has the port of its process; on hosts of their own the processes have the same port. */
  const cookieAt = (cookie: string, from: LiveRegion, to: LiveRegion): string =>
    cookie.replace(String(from.port), String(to.port));

  test('a browser that signed in at one process is signed in at the other, which can sign it out', async () => {
    const cookie = await signIn(first);
    const there = cookieAt(cookie, first, second);
    const page = await accountPage(second, there);
    assert.equal(page.status, 200);
    const csrf = /name="csrf" value="([^"]+)"/.exec(await page.text())?.[1] ?? '';
    // A form that one process gave out is taken by the other.
    const form = { method: 'POST', redirect: 'manual', body: new URLSearchParams({ csrf }) } as const;
    assert.equal((await fetch(`${first.origin}/MAAS/logout/`, { ...form, headers: { cookie } })).status, 303);
    assert.equal((await accountPage(second, there)).status, 303);
  });

  test('passwords guessed at one process count against the tries at the other', { timeout: 60_000 }, async () => {
    const guess = async ({ origin }: LiveRegion, password: string): Promise<number> => {
      const authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;
      const answer = await fetch(`${origin}/MAAS/account/`, { headers: { authorization }, redirect: 'manual' });
      return answer.status;
    };
    // A correct password is not counted.
    assert.equal(await guess(second, PASSWORD), 200);
    const started = Date.now();
    let wrong = 0;
    while ((await guess(first, `guess ${wrong}`)) !== 429) wrong += 1;
    const refilled = Math.ceil(((Date.now() - started) / 1000) * PASSWORDS_PER_ADDRESS.perSecond);
    assert.ok(
      wrong >= PASSWORDS_PER_ADDRESS.burst && wrong <= PASSWORDS_PER_ADDRESS.burst + refilled,
      `${wrong} tries`,
    );
    const more = await Promise.all(
      Array.from({ length: PASSWORDS_PER_ADDRESS.burst }, (_, index) => guess(second, `more ${index}`)),
    );
    const checked = more.filter((status) => status !== 429).length;
    assert.ok(checked <= PASSWORDS_OF_RARE.burst, `${checked} more were checked`);
  });

  test('an unknown rack that used up its registrations at one process has none at the other', async () => {
    // Counted, but stored nowhere: otherwise the number of waiting racks would end it.
    const body = new URLSearchParams(registrationFields({ interfaces: '[' }));
    const ask = async ({ origin }: LiveRegion): Promise<number> =>
      (await fetch(`${origin}/MAAS/api/2.0/nodegroups/?op=register`, { method: 'POST', body })).status;
    for (let asked = 0; (await ask(first)) !== 429; asked += 1) assert.ok(asked <= REGISTRATIONS_PER_ADDRESS.burst + 2);
    assert.equal(await ask(second), 429);
  });

  test('an account that set too many passwords at one process sets no more at the other', async () => {
    const set = ({ region }: LiveRegion): Promise<string> =>
      region.passwords.hash({ username: 'ordinary', isAdmin: false }, PASSWORD);
    for (let count = 0; (await set(first)) !== 'too-many'; count += 1)
      assert.ok(count <= NEW_PASSWORDS_PER_ACCOUNT.burst + 2);
    assert.equal(await set(second), 'too-many');
  });

  /** The places of the events that a stream of this process brings, until there are enough. @param place start after it */
  async function follow({ origin, authorization }: LiveRegion, place: string, count: number): Promise<string[]> {
    const end = new AbortController();
    const answer = await fetch(`${origin}/MAAS/api/2.0/events/?op=follow&level=INFO`, {
      headers: { authorization, 'last-event-id': place },
      signal: end.signal,
    });
    assert.equal(answer.status, 200);
    const places: string[] = [];
    try {
      for await (const one of eventPlaces(answer)) if (places.push(one) >= count) break;
    } finally {
      end.abort();
    }
    return places;
  }

  test('an event stream continues at another process where it ended, whichever process the events come from', async () => {
    const { newest } = await first.region.store.eventRange();
    const record = async ({ region }: LiveRegion): Promise<void> => {
      for (let count = 0; count < EVENTS; count += 1) {
        const event = {
          type: 'NODE',
          level: 'info',
          code: 'rack',
          params: { text: 'x' },
          atMs: 1,
          username: '',
        } as const;
        await region.store.recordEvent(event, undefined);
        await sleep(2);
      }
    };
    const recorded = Promise.all([record(first), record(second)]);
    const places: string[] = [];
    for (let turn = 0; places.length < 2 * EVENTS; turn += 1) {
      const place = places.at(-1) ?? String(newest);
      places.push(...(await follow(turn % 2 === 0 ? first : second, place, Math.min(5, 2 * EVENTS - places.length))));
    }
    await recorded;
    const stored = await first.region.store.listEvents({ after: newest, limit: 1000 });
    assert.equal(stored.length, 2 * EVENTS);
    assert.deepEqual(
      places.map((place) => Number(place.split('-')[1])),
      stored.map(({ id }) => id).sort((one, other) => one - other),
    );
  });

  const atOnce: TwoProcesses['atOnce'] = (...requests) => place.atOnce(...requests);

  /** Makes a user. @returns the `Authorization` header of a key that was used already, which a later use need not record */
  async function addUser(username: string): Promise<string> {
    const { store } = first.region;
    await store.accounts.addUser({ username, email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });
    const authorization = authorizationOf(await createApiKey(store, systemClock, username));
    await fetch(`${first.origin}/MAAS/api/2.0/users/?op=whoami`, { headers: { authorization } });
    return authorization;
  }

  const sshKey = (index: number): string => {
    const part = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
    const type = 'ssh-ed25519';
    return `${type} ${Buffer.concat([part(Buffer.from(type)), part(Buffer.alloc(32, index))]).toString('base64')}`;
  };

  test('a key or a machine that a user gets during their removal is not left to a later user of the same name', async () => {
    const { store } = first.region;
    const fields = { ...FIELDS, hostname: 'free', status: 'ready' } as const;
    await store.enlist({ macs: [], values: [], atMs: 1 }, () => ({
      kind: 'create',
      systemId: 'free',
      fields,
      interfaces: [],
      events: [],
    }));
    const made: readonly (readonly [path: string, fields: Record<string, string>])[] = [
      ['account/prefs/sshkeys/', { key: sshKey(1) }],
      ['machines/?op=allocate', {}],
    ];
    for (const [path, given] of [...made, ...made, ...made]) {
      const authorization = await addUser('ann');
      await atOnce(
        () => ask(first, 'POST', path, given, authorization),
        () => ask(second, 'DELETE', 'users/ann/'),
      );
      const isThere = (await store.accounts.findUser('ann')) !== undefined;
      const owned = await store.countMachines({ owners: ['ann'] });
      const keys = await store.life.listSshKeys('ann');
      assert.deepEqual([owned, keys.length], isThere ? [1, 0] : [0, 0], path);
      if (!isThere) continue;
      await store.changeMachine('free', 1, () => ({
        kind: 'change',
        fields: { status: 'ready', owner: undefined },
        events: [],
      }));
      assert.equal((await ask(second, 'DELETE', 'users/ann/')).status, 204);
    }
  });

  test('a machine that gets a zone or a pool during its removal is in the default one, or the pool stays with it', async () => {
    const { store } = first.region;
    const fields = { ...FIELDS, hostname: 'moved' };
    await store.enlist({ macs: [], values: [], atMs: 1 }, () => ({
      kind: 'create',
      systemId: 'moved',
      fields,
      interfaces: [],
      events: [],
    }));
    const event = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 1, username: '' } as const;
    for (const [kind, path] of [
      ['zone', () => 'zones/hall/'],
      ['pool', (id: number) => `resourcepool/${id}/`],
    ] as const) {
      const area = await store.areas.add(kind, { name: 'hall', description: '' }, event);
      assert.ok(typeof area === 'object');
      await atOnce(
        () => ask(first, 'PUT', 'machines/moved/', { [kind]: 'hall' }),
        () => ask(second, 'DELETE', path(area.id)),
      );
      const [left] = await store.areas.list(kind);
      // A zone is always removed; a pool is not while a machine is in it.
      if (kind === 'zone') assert.equal(left, undefined);
      const ids = [left?.id ?? 0];
      const found = await store.listMachines(kind === 'zone' ? { zoneIds: ids } : { poolIds: ids }, 0, 9);
      assert.ok(
        found.some(({ systemId }) => systemId === 'moved'),
        kind,
      );
    }
  });

  test('parallel requests do not exceed the limits of SSH keys, API keys and files of an account', async () => {
    const authorization = await addUser('bob');
    const { accounts, life, files } = first.region.store;
    const event = { type: 'AUTHORISATION', code: 'rack', params: { text: '' }, atMs: 1, username: 'bob' } as const;
    for (let index = 1; index < SSH_KEYS_PER_USER_MAX; index += 1)
      await life.addSshKey({ username: 'bob', key: `key ${index}`, createdMs: 1 }, SSH_KEYS_PER_USER_MAX, event);
    while ((await accounts.listKeys('bob')).length < KEYS_PER_USER_MAX - 1)
      await createApiKey(first.region.store, systemClock, 'bob');
    for (let index = 1; index < FILES_PER_USER_MAX; index += 1)
      await files.put('bob', { name: `old ${index}`, key: `key ${index}`, content: Buffer.from('x') }, 1);
    const requests: readonly (readonly [path: string, fields: (index: number) => Record<string, string>])[] = [
      ['account/prefs/sshkeys/', (index) => ({ key: sshKey(index) })],
      ['account/?op=create_authorisation_token', () => ({})],
      ['files/', (index) => ({ filename: `new ${index}`, file: 'x' })],
    ];
    for (const [path, fields] of requests) {
      const asked = [first, second, first, second].map(
        (at, index) => () => ask(at, 'POST', path, fields(index), authorization),
      );
      const statuses = await atOnce(...asked);
      assert.equal(statuses.filter((status) => status < 300).length, 1, `${path}: ${statuses}`);
    }
    assert.equal((await life.listSshKeys('bob')).length, SSH_KEYS_PER_USER_MAX);
    assert.equal((await accounts.listKeys('bob')).length, KEYS_PER_USER_MAX);
    assert.equal((await files.list('bob')).length, FILES_PER_USER_MAX);
  });

  test('the images of a silent host are not listed, and those of one that does not come back are forgotten', async () => {
    const { hostImages: here } = first.region.store;
    const { hostImages: there } = second.region.store;
    assert.ok(here !== undefined && there !== undefined);
    const image = {
      os: 'custom',
      release: 'one',
      architecture: 'amd64',
      subarchitecture: 'generic',
      label: 'release',
      serial: '20261127',
      title: 'One',
      bytes: 7,
      diskBytes: 9,
      sha256: HASH,
      origin: { source: 'site' },
    };
    const older = { ...image, serial: '20261126' };
    await here.report('here:/one', [image], []);
    await there.report('there:/two', [image, older], []);
    await there.condemn('custom/one/amd64/generic/release', 'there:/two');
    assert.deepEqual(await there.list(), [
      {
        place: 'here:/one',
        isPresent: true,
        images: [],
        condemned: [{ resource: 'custom/one/amd64/generic/release', serial: '20261127', sha256: HASH }],
      },
      { place: 'there:/two', isPresent: true, images: [image, older], condemned: [] },
    ]);
    // Other bytes of the same name and serial are another image.
    const other = { ...image, sha256: 'cd'.repeat(32) };
    await here.report('here:/one', [image, other], []);
    assert.deepEqual((await there.list())[0]?.images, [other]);
    // Its process has removed the image, and has another one.
    await here.report('here:/one', [older], await here.condemned('here:/one'));
    assert.deepEqual((await there.list())[0]?.images, [older]);
    const silent = (ms: number) =>
      databases.server.query(
        `UPDATE host_images SET seen_at = now() - interval '${ms} milliseconds' WHERE place = 'there:/two'`,
        database,
      );
    await silent(PRESENT_MS + 1000);
    assert.equal((await here.list())[1]?.isPresent, false);
    await silent(PLACE_KEPT_MS + 1000);
    await here.report('here:/one', [], []);
    assert.deepEqual(
      (await here.list()).map(({ place }) => place),
      ['here:/one'],
    );
  });
});
