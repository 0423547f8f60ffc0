// Passwords that are remembered: how many, and how often a guesser behind the same address may have one compared.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { findPeer } from '../../../src/region/api/caller.ts';
import { PageGuard, REMEMBERED_MAX, REMEMBERED_RATE } from '../../../src/region/page/guard.ts';
import { type RegionPlace, withRegion } from '../place.ts';

const USER = 'ann';
const RIGHT = 'correct horse battery';

/** A guard for whom looking at a password costs nothing; `looked` says how many were looked at. */
function start(t: TestContext, { region, store, config }: RegionPlace) {
  store.addUser({ username: USER, email: '', passwordHash: 'a hash', isAdmin: false, createdMs: 0 });
  t.mock.method(region.passwords, 'take', () => ({ giveBack: () => undefined }));
  const looking = t.mock.method(region.passwords, 'check', async (...[, , password]: [string, unknown, string]) =>
    Promise.resolve(password === RIGHT),
  );
  const guard = new PageGuard(region);
  const check = (password: string, from = '10.20.0.5') =>
    guard.check(findPeer({ socketAddress: from, header: () => undefined }, config), USER, password);
  return { check, looked: () => looking.mock.callCount() };
}

test('a remembered password is looked at anew once somebody behind the same address has guessed too often', (t) =>
  withRegion(async (place) => {
    const { check, looked } = start(t, place);
    await check(RIGHT);
    await check(RIGHT);
    assert.equal(looked(), 1);
    for (let guess = 0; guess < REMEMBERED_RATE.burst; guess += 1) await check(`guess ${guess}`);
    const before = looked();
    await check(RIGHT);
    assert.equal(looked(), before + 1);
    await check(RIGHT, '10.20.0.6');
    await check(RIGHT, '10.20.0.6');
    assert.equal(looked(), before + 2);
  }));

test(`${REMEMBERED_MAX} passwords are remembered; the one that was right longest ago is looked at anew`, (t) =>
  withRegion(async (place) => {
    const { check, looked } = start(t, place);
    const addresses = Array.from(
      { length: REMEMBERED_MAX + 1 },
      (_, index) => `10.20.${index >> 7}.${1 + (index & 127)}`,
    );
    for (const address of addresses) await check(RIGHT, address);
    assert.equal(looked(), REMEMBERED_MAX + 1);
    await check(RIGHT, addresses[1]);
    assert.equal(looked(), REMEMBERED_MAX + 1);
    await check(RIGHT, addresses[0]);
    assert.equal(looked(), REMEMBERED_MAX + 2);
  }));
