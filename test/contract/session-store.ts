// The contract of every region store for the page's sessions, called by the test of each implementation.

import assert from 'node:assert/strict';
import type { StoredSession } from '../../src/region/records/session-store.ts';
import type { RegionStore } from '../../src/region/records/store.ts';
import { EVENT } from './machines.ts';
import { type StorePlace, storeChecks } from './store-place.ts';

/** Sessions at a time. */
const MAX = 12;

const sessionOf = (digest: string, usedMs = 100): StoredSession => ({
  digest,
  passwordDigest: 'of the password',
  begunMs: 100,
  usedMs,
  notice: '',
});

/** A store with these accounts, in which sessions are opened one after the other. */
class Opened {
  readonly #store: RegionStore;
  #atMs = 1000;

  constructor(store: RegionStore) {
    this.#store = store;
  }

  async accounts(...names: string[]): Promise<void> {
    for (const username of names)
      await this.#store.accounts.addUser({ username, email: '', passwordHash: 'x', isAdmin: false, createdMs: 1 });
  }

  /** @returns its digest */
  async open(username: string): Promise<string> {
    this.#atMs += 1;
    const digest = `digest ${this.#atMs}`;
    await this.#store.sessions.open(username, sessionOf(digest, this.#atMs), MAX, 0);
    return digest;
  }

  async use(digest: string): Promise<void> {
    this.#atMs += 1;
    await this.#store.sessions.note(digest, { usedMs: this.#atMs });
  }

  /** The owner of a session; undefined: it has ended. */
  async whose(digest: string): Promise<string | undefined> {
    return (await this.#store.sessions.find(digest))?.user.username;
  }
}

/** The order in which users sign in, by their number. */
const ORDERS: readonly ((count: number, crowd: number) => number)[] = [
  (count, crowd) => count % crowd,
  (count, crowd) => Math.floor(count / MAX) % crowd,
];

export function testSessionStore(title: string, makePlace: () => StorePlace): void {
  const check = storeChecks(title, makePlace);

  check('a session is begun, noted and ended, and every other process sees it', async (store, place) => {
    const other = await place.open();
    const opened = new Opened(store);
    await opened.accounts('ann');
    await store.sessions.open('ann', sessionOf('d'), MAX, 0);
    assert.deepEqual((await other.sessions.find('d'))?.session, sessionOf('d'));
    assert.equal((await other.sessions.find('d'))?.user.username, 'ann');
    await other.sessions.note('d', { notice: 'Deployed.' });
    await other.sessions.note('d', { usedMs: 200 });
    assert.deepEqual((await store.sessions.find('d'))?.session, { ...sessionOf('d', 200), notice: 'Deployed.' });
    await other.sessions.close('d');
    await store.sessions.note('d', { usedMs: 300 });
    assert.equal(await store.sessions.find('d'), undefined);
    await other.close();
  });

  check('a session ends with its account, and one of no account does not begin', async (store) => {
    const opened = new Opened(store);
    await opened.accounts('ann');
    const digest = await opened.open('ann');
    assert.equal(await opened.whose(await opened.open('nobody')), undefined);
    await store.accounts.removeUser('ann', EVENT);
    await opened.accounts('ann');
    assert.equal(await opened.whose(digest), undefined);
  });

  check('sessions that were not used for long are removed as another begins', async (store) => {
    await new Opened(store).accounts('ann');
    await store.sessions.open('ann', sessionOf('old', 100), MAX, 0);
    await store.sessions.open('ann', sessionOf('newer', 200), MAX, 0);
    await store.sessions.open('ann', sessionOf('newest', 300), MAX, 200);
    assert.equal(await store.sessions.find('old'), undefined);
    assert.ok((await store.sessions.find('newer')) !== undefined);
  });

  check('the first user stays signed in while others sign in again and again', async (store) => {
    const opened = new Opened(store);
    await opened.accounts('first', ...Array.from({ length: 2 * MAX }, (_, index) => `other-${index}`));
    for (const order of ORDERS) {
      for (const crowd of [1, 2, MAX - 1, MAX, 2 * MAX]) {
        const first = await opened.open('first');
        for (let count = 0; count < 3 * MAX; count += 1) {
          await opened.use(first);
          const username = `other-${order(count, crowd)}`;
          assert.equal(await opened.whose(await opened.open(username)), username, 'the newest session');
        }
        assert.equal(await opened.whose(first), 'first', `${crowd} others`);
        await store.sessions.close(first);
      }
    }
  });

  check('an account with as many sessions as any other replaces its own one unused for longest', async (store) => {
    const opened = new Opened(store);
    await opened.accounts('ann', 'bob');
    const anns: string[] = [];
    for (let count = 0; count < MAX / 2; count += 1) anns.push(await opened.open('ann'));
    const bobs: string[] = [];
    for (let count = 0; count < MAX / 2; count += 1) bobs.push(await opened.open('bob'));
    const [oldest = '', second = ''] = bobs;
    await opened.use(oldest);
    await opened.open('bob');
    assert.equal(await opened.whose(second), undefined);
    for (const digest of [oldest, ...anns]) assert.ok((await opened.whose(digest)) !== undefined, digest);
  });
}
