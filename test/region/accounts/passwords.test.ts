// Guessing passwords: every route applies the limit before a password is checked, and other clients are not locked out.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import Fastify, { type FastifyInstance } from 'fastify';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { addRoutes } from '../../../src/region/http/routes.ts';
import { makeContext } from '../../../src/region/http/server.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { makeRegion, type RegionPlace } from '../place.ts';
import { type Way, waysInto } from '../ways.ts';
import { addAdmin } from './administrator.ts';
import './cheap-hashes.ts';
import { assertStatus } from '../../support/answered.ts';

const PASSWORD = 'correct horse';
const NOBODY_HASH = `scrypt$32768$8$1$${'A'.repeat(22)}$${'A'.repeat(43)}`;
/** No password fits it, which is seen at once: a guess counts, and costs no tenth of a second of a processor. */
const FOREIGN_HASH = 'scrypt$1$1$1$AA$AA';
const GUESSER = '192.0.2.66';
const ELSEWHERE = '198.51.100.7';
/** More guesses than an address may have checked. */
const GUESSES = 24;

interface House {
  readonly place: RegionPlace;
  readonly app: FastifyInstance;
  /** All routes. */
  readonly ways: readonly Way[];
}

async function withHouse(work: (house: House) => Promise<void>) {
  const place = await makeRegion();
  const app = Fastify();
  const ways = waysInto(app);
  addRoutes(app, makeContext(place.region));
  try {
    await addAdmin(place.store, place.clock, { username: 'admin', email: '', password: PASSWORD });
    const ann = { username: 'ann', email: '', passwordHash: FOREIGN_HASH, isAdmin: false, createdMs: 0 };
    await place.store.accounts.addUser(ann);
    await work({ place, app, ways });
  } finally {
    await app.close();
    await place.remove();
  }
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'] as const;
const isMethod = (text: string): text is (typeof METHODS)[number] => METHODS.some((method) => method === text);

/** Sends a password in both forms: Basic, and a form field. */
async function knock({ app }: House, { method, url }: Way, from: string, password: string, username = 'admin') {
  if (!isMethod(method)) throw new Error(`a route of method ${method}`);
  const answer = await app.inject({
    method,
    url,
    remoteAddress: from,
    headers: {
      host: 'rack.example:5240',
      authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
      ...(method === 'GET' || method === 'HEAD' ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
    },
    ...(method === 'GET' || method === 'HEAD'
      ? {}
      : { payload: new URLSearchParams({ username, password, to: '/MAAS/' }).toString() }),
  });
  const isIn =
    /^rackboot-\d+=[\w-]+;/.test(String(answer.headers['set-cookie'] ?? '')) ||
    (answer.statusCode === 200 && answer.body.includes('<nav'));
  return { status: answer.statusCode, isIn, refusal: answer.headers['x-rackboot-refusal'] };
}

const BASIC: Way = { method: 'GET', url: '/MAAS/' };
const FORM: Way = { method: 'POST', url: '/MAAS/login/' };

for (const way of [BASIC, FORM]) {
  test(`beyond its limit an address is refused at ${way.method} ${way.url}, even with the right password, and no password is checked`, () =>
    withHouse(async (house) => {
      const { mock: check } = mock.method(house.place.region.passwords, 'check');
      for (let count = 0; count < GUESSES; count += 1) await knock(house, way, GUESSER, `guess ${count}`, 'ann');
      const checked = check.callCount();
      assert.ok(checked > 0 && checked < GUESSES, `${checked} checked`);
      const last = await knock(house, way, GUESSER, PASSWORD);
      assert.deepEqual(last, { status: 429, isIn: false, refusal: 'rate-limit' });
      assert.equal(check.callCount(), checked);
      assert.equal((await knock(house, way, ELSEWHERE, PASSWORD)).isIn, true);
      await house.place.clock.pass(10_000);
      assert.equal((await knock(house, way, GUESSER, PASSWORD)).isIn, true);
    }));
}

test('on every route, an address beyond its limit has no password checked and is refused', () =>
  withHouse(async (house) => {
    const { mock: check } = mock.method(house.place.region.passwords, 'check');
    for (let count = 0; count < GUESSES; count += 1) await knock(house, BASIC, GUESSER, `guess ${count}`, 'ann');
    const checked = check.callCount();
    assert.ok(house.ways.length > 100, `${house.ways.length} routes`);
    const looked = new Set<string>();
    for (const way of house.ways) {
      const { isIn } = await knock(house, way, GUESSER, PASSWORD);
      assert.equal(isIn, false, `${way.method} ${way.url}`);
      if (check.callCount() > checked) looked.add(`${way.method} ${way.url}`);
    }
    assert.deepEqual([...looked], []);
  }));

test('a flood of guesses from ten addresses of another network delays a right password but does not block it', () =>
  withHouse(async (house) => {
    const guesses = Array.from({ length: 150 }, (_, index) =>
      knock(house, index % 2 === 0 ? BASIC : FORM, `192.0.2.${10 + (index % 10)}`, `guess ${index}`),
    );
    const right = await knock(house, FORM, ELSEWHERE, PASSWORD);
    assert.equal(right.isIn, true, `status ${right.status}`);
    const neighbour = await knock(house, FORM, '192.0.2.200', PASSWORD);
    assert.equal(neighbour.isIn, true, `status ${neighbour.status}`);
    assert.ok((await Promise.all(guesses)).every(({ isIn }) => !isIn));
  }));

test('a signed-in person behind a guesser’s address keeps working, until so many guesses target the account that one could succeed', () =>
  withHouse(async (house) => {
    const { mock: check } = mock.method(house.place.region.passwords, 'check');
    assert.equal((await knock(house, BASIC, GUESSER, PASSWORD)).isIn, true);
    for (let count = 0; count < GUESSES; count += 1) await knock(house, BASIC, GUESSER, `guess ${count}`);
    const checked = check.callCount();
    assert.equal((await knock(house, BASIC, GUESSER, PASSWORD)).isIn, true);
    for (let count = 0; count < 60; count += 1) await knock(house, BASIC, GUESSER, `guess ${count}`);
    await assertStatus(knock(house, BASIC, GUESSER, PASSWORD), 429);
    assert.equal(check.callCount(), checked);
  }));

test('an IPv6 address is limited together with its /64', () =>
  withHouse(async (house) => {
    for (let count = 0; count < GUESSES; count += 1)
      await knock(house, BASIC, `2001:db8::${count + 1}`, `guess ${count}`, 'ann');
    await assertStatus(knock(house, BASIC, '2001:db8::ffff', PASSWORD), 429);
    assert.equal((await knock(house, BASIC, '2001:db8:0:1::1', PASSWORD)).isIn, true);
  }));

test('a password set by this host’s administrator does not wait behind guesses', () =>
  withHouse(async ({ place }) => {
    const { passwords } = place.region;
    const guesses = Array.from({ length: 40 }, async (_, index) => {
      const from = `10.${index}.0.9`;
      const permit = await passwords.take(from);
      return typeof permit === 'string' ? permit : passwords.check(from, permit, 'guess', NOBODY_HASH);
    });
    assert.match(await passwords.hash(undefined, PASSWORD), /^scrypt\$/);
    assert.ok((await Promise.all(guesses)).includes('busy'), 'no place was left');
  }));

test('an account that sets its password from many addresses gets 429 after its first tries', () =>
  withHouse(async ({ place, app }) => {
    const authorization = authorizationOf(await createApiKey(place.store, place.clock, 'ann'));
    const answers = Array.from({ length: 8 }, (_, index) =>
      app.inject({
        method: 'POST',
        url: '/MAAS/api/2.0/users/ann/?op=change_password',
        remoteAddress: `10.20.${index}.9`,
        headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
        payload: new URLSearchParams({ password: PASSWORD }).toString(),
      }),
    );
    const refused = (await Promise.all(answers)).filter(({ statusCode }) => statusCode === 429);
    assert.equal(refused.length, 3);
    assert.ok(refused.every(({ body }) => /new passwords/.test(body)));
  }));
