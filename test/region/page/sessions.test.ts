// The bound on sessions: the user who fills it loses sessions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SESSIONS_MAX, Sessions } from '../../../src/region/page/sessions.ts';
import type { User } from '../../../src/region/records/store.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const userOf = (username: string): User => ({
  id: 1,
  username,
  email: '',
  passwordHash: `hash of ${username}`,
  isAdmin: false,
  createdMs: 0,
});

/** The order in which users sign in, by their number. */
const ORDERS: readonly (readonly [name: string, user: (count: number, crowd: number) => number])[] = [
  ['in turn', (count, crowd) => count % crowd],
  ['one after the other', (count, crowd) => Math.floor(count / SESSIONS_MAX) % crowd],
];

for (const [name, order] of ORDERS) {
  for (const crowd of [1, 2, 3, 64, 65, 128]) {
    test(`the first user stays signed in while ${crowd} others sign in ${name}, again and again`, async () => {
      const sessions = new Sessions({ findUser: async (name) => userOf(name) }, new VirtualClock(1_700_000_000_000, 1));
      const first = sessions.open(userOf('first'));
      for (let count = 0; count < (crowd + 1) * SESSIONS_MAX; count += 1) {
        const token = sessions.open(userOf(`other-${order(count, crowd)}`));
        assert.ok((await sessions.find(token)) !== undefined, 'the newest session');
      }
      assert.equal((await sessions.find(first))?.user.username, 'first');
    });
  }
}

test("a new session replaces the user's session unused for longest, not the oldest", async () => {
  const sessions = new Sessions({ findUser: async (name) => userOf(name) }, new VirtualClock(1_700_000_000_000, 1));
  const tokens = Array.from({ length: SESSIONS_MAX - 1 }, () => sessions.open(userOf('ann')));
  const [first = '', second = ''] = tokens;
  assert.ok((await sessions.find(first)) !== undefined);
  sessions.open(userOf('bob'));
  sessions.open(userOf('bob'));
  assert.equal(await sessions.find(second), undefined);
  assert.ok((await sessions.find(first)) !== undefined, 'it was used more recently');
});

test('a session that ends while a request looks for its user stays ended', async () => {
  let close = (): void => undefined;
  const findUser = async (name: string): Promise<User> => {
    close();
    return userOf(name);
  };
  const sessions = new Sessions({ findUser }, new VirtualClock(1_700_000_000_000, 1));
  const token = sessions.open(userOf('ann'));
  close = () => sessions.close(token);
  assert.equal(await sessions.find(token), undefined);
  close = () => undefined;
  assert.equal(await sessions.find(token), undefined);
});
