// Remembered passwords: their number, and the limit of guesses from the same address. The events of wrong ones: their rate, and no name that was
// typed for an account that does not exist.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { WRONG_ADDRESSES_MAX, WRONG_EVENTS, WRONG_EVENTS_TOGETHER } from '../../../../src/region/accounts/passwords.ts';
import { findPeer } from '../../../../src/region/api/call/caller.ts';
import { PageGuard, REMEMBERED_MAX, REMEMBERED_RATE } from '../../../../src/region/page/frame/guard.ts';
import { eventSentence } from '../../../../src/region/records/events.ts';
import { type RegionPlace, withRegion } from '../../place.ts';

const USER = 'ann';
const RIGHT = 'correct horse battery';

/** A guard whose full checks cost nothing; `checks` counts them. */
async function start(t: TestContext, { region, store, config }: RegionPlace) {
  await store.accounts.addUser({ username: USER, email: '', passwordHash: 'a hash', isAdmin: false, createdMs: 0 });
  t.mock.method(region.passwords, 'take', () => ({ giveBack: () => undefined }));
  const checking = t.mock.method(region.passwords, 'check', async (...[, , password]: [string, unknown, string]) =>
    Promise.resolve(password === RIGHT),
  );
  const guard = new PageGuard(region);
  const check = (password: string, from = '10.20.0.5', user = USER) =>
    guard.check(findPeer({ socketAddress: from, header: () => undefined }, config), user, password);
  return { check, checks: () => checking.mock.callCount() };
}

test('a remembered password is checked in full again after too many guesses from the same address', (t) =>
  withRegion(async (place) => {
    const { check, checks } = await start(t, place);
    await check(RIGHT);
    await check(RIGHT);
    assert.equal(checks(), 1);
    for (let guess = 0; guess < REMEMBERED_RATE.burst; guess += 1) await check(`guess ${guess}`);
    const before = checks();
    await check(RIGHT);
    assert.equal(checks(), before + 1);
    await check(RIGHT, '10.20.0.6');
    await check(RIGHT, '10.20.0.6');
    assert.equal(checks(), before + 2);
  }));

test(`${REMEMBERED_MAX} passwords are remembered; the one confirmed longest ago is checked in full again`, (t) =>
  withRegion(async (place) => {
    const { check, checks } = await start(t, place);
    const addresses = Array.from(
      { length: REMEMBERED_MAX + 1 },
      (_, index) => `10.20.${index >> 7}.${1 + (index & 127)}`,
    );
    for (const address of addresses) await check(RIGHT, address);
    assert.equal(checks(), REMEMBERED_MAX + 1);
    await check(RIGHT, addresses[1]);
    assert.equal(checks(), REMEMBERED_MAX + 1);
    await check(RIGHT, addresses[0]);
    assert.equal(checks(), REMEMBERED_MAX + 2);
  }));

test('wrong passwords are audit events up to a rate for an address and for all, without a name that was typed by mistake', (t) =>
  withRegion(async (place) => {
    const { check } = await start(t, place);
    const events = async () => {
      const found = await place.store.listEvents({ level: 'audit', limit: 1000 });
      return found.filter(({ code }) => code === 'password-wrong').map((event) => eventSentence(event));
    };
    await check('wrong', '10.20.0.5', 'my password');
    assert.deepEqual(await events(), ['1 wrong password from 10.20.0.5, for an account that does not exist']);
    for (let guess = 0; guess < 20; guess += 1) await check(`guess ${guess}`);
    assert.equal((await events()).length, WRONG_EVENTS.burst);
    place.clock.advance(1000 / WRONG_EVENTS.perSecond);
    await check('guess');
    assert.ok((await events()).includes(`19 wrong passwords from 10.20.0.5, for ${USER}`), (await events()).join('\n'));
    for (let host = 0; host < 2 * WRONG_EVENTS_TOGETHER.burst; host += 1) await check('guess', `10.21.0.${host}`);
    assert.ok((await events()).length <= WRONG_EVENTS.burst + 2 + WRONG_EVENTS_TOGETHER.burst);
  }));

test(`the number of wrong passwords from an address is forgotten after those from ${WRONG_ADDRESSES_MAX} others`, (t) =>
  withRegion(async (place) => {
    const { check } = await start(t, place);
    const FIRST = '10.20.0.5';
    const counted = async () => {
      const found = await place.store.listEvents({ level: 'audit', limit: 1000 });
      return found.flatMap((event) =>
        event.code === 'password-wrong' && event.params.from === FIRST ? [event.params.count] : [],
      );
    };
    for (let guess = 0; guess < 2 * WRONG_EVENTS.burst; guess += 1) await check('guess', FIRST);
    assert.deepEqual(await counted(), Array(WRONG_EVENTS.burst).fill(1));
    for (let host = 0; host < WRONG_ADDRESSES_MAX; host += 1) await check('guess', `10.21.${host >> 8}.${host & 255}`);
    place.clock.advance(1000 / WRONG_EVENTS.perSecond);
    await check('guess', FIRST);
    assert.deepEqual(await counted(), Array(WRONG_EVENTS.burst + 1).fill(1));
  }));
