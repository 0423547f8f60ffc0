// Remembered passwords: their number, and the limit of guesses from the same address.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { findPeer } from '../../../src/region/api/call/caller.ts';
import { PageGuard, REMEMBERED_MAX, REMEMBERED_RATE } from '../../../src/region/page/guard.ts';
import { type RegionPlace, withRegion } from '../place.ts';

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
  const check = (password: string, from = '10.20.0.5') =>
    guard.check(findPeer({ socketAddress: from, header: () => undefined }, config), USER, password);
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
