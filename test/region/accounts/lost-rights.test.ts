// A caller who loses the account, the key or the rights while a new password is being hashed changes nothing any more.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { cookieName } from '../../../src/region/page/login.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { type RegionPlace, withRegion } from '../place.ts';
import './cheap-hashes.ts';

const NEW_HASH = 'the new hash';
const PASSWORD = 'long enough';

/** The name of a refusal; undefined: done. */
type Verdict = string | undefined;

interface Loss {
  readonly what: string;
  readonly happens: (place: RegionPlace, tokenKey: string) => Promise<unknown>;
  /** The answers to an administrator's operation, and to the change of one's own password. */
  readonly asAdmin: Verdict;
  readonly own: Verdict;
}

const addUser = ({ store }: RegionPlace, username: string, isAdmin: boolean) =>
  store.accounts.addUser({ username, email: '', passwordHash: `hash of ${username}`, isAdmin, createdMs: 0 });
const eventOf = ({ clock }: RegionPlace) => {
  const atMs = clock.wallTimeMs();
  return { type: 'AUTHORISATION', code: 'user-removed', params: { user: 'mallory' }, atMs, username: 'ann' } as const;
};
const remove = (place: RegionPlace) => place.store.accounts.removeUser('mallory', eventOf(place));

const LOSSES: readonly Loss[] = [
  { what: 'nothing happens', happens: async () => undefined, asAdmin: undefined, own: undefined },
  {
    what: 'the account is removed',
    happens: remove,
    asAdmin: 'not-authenticated',
    own: 'not-authenticated',
  },
  {
    what: 'the account is removed, and another one gets its name',
    async happens(place) {
      await remove(place);
      await addUser(place, 'mallory', true);
    },
    asAdmin: 'not-authenticated',
    own: 'not-authenticated',
  },
  {
    what: 'the rights are revoked',
    happens: (place) => place.store.accounts.changeUser('mallory', { isAdmin: false }, eventOf(place)),
    asAdmin: 'not-allowed',
    own: undefined,
  },
  {
    what: 'the key is deleted',
    happens: ({ store }, tokenKey) => store.accounts.removeKey('mallory', tokenKey),
    asAdmin: 'not-authenticated',
    own: 'not-authenticated',
  },
];

/** The ways to a new password. */
const WAYS = [
  { path: 'users/', fields: { username: 'evil', is_superuser: 'true' }, target: 'evil' },
  { path: 'users/olga/?op=change_password', fields: {}, target: 'olga' },
  { path: 'users/mallory/?op=change_password', fields: {}, target: 'mallory' },
] as const;

/** A region with three users in which `meanwhile` happens while a password is being hashed. */
async function withMeanwhile(
  t: TestContext,
  meanwhile: (place: RegionPlace) => Promise<unknown>,
  work: (
    place: RegionPlace,
    ask: (path: string, headers: Readonly<Record<string, string>>, fields: object) => Promise<Verdict>,
    context: ReturnType<typeof makeContext>,
  ) => Promise<void>,
): Promise<void> {
  await withRegion(async (place) => {
    await addUser(place, 'ann', true);
    await addUser(place, 'mallory', true);
    await addUser(place, 'olga', false);
    const hashing = t.mock.method(place.region.passwords, 'hash', async () => {
      await Promise.resolve();
      await meanwhile(place);
      return NEW_HASH;
    });
    const context = makeContext(place.region);
    const app = buildApp(context);
    try {
      const ask = async (url: string, headers: Readonly<Record<string, string>>, fields: object): Promise<Verdict> => {
        const method = 'POST' as const;
        const type = { 'content-type': 'application/x-www-form-urlencoded', host: 'rack.example' };
        const payload = new URLSearchParams({ ...fields }).toString();
        const sent = { method, url, remoteAddress: '10.20.0.50', headers: { ...type, ...headers }, payload };
        const answer = await app.inject(sent);
        const name = answer.headers['x-rackboot-refusal'];
        if (name === undefined) assert.ok(answer.statusCode < 400, answer.body);
        return name === undefined ? undefined : String(name);
      };
      await work(place, ask, context);
      assert.equal(hashing.mock.callCount(), 1);
    } finally {
      hashing.mock.restore();
      await app.close();
    }
  });
}

for (const { what, happens, asAdmin, own } of LOSSES)
  test(`while a password is being hashed, ${what}`, async (t) => {
    for (const { path, fields, target } of WAYS) {
      let tokenKey = '';
      await withMeanwhile(
        t,
        (place) => happens(place, tokenKey),
        async ({ store, clock }, ask) => {
          const key = await createApiKey(store, clock, 'mallory');
          tokenKey = key.split(':')[1] ?? '';
          const authorization = authorizationOf(key);
          const wanted = target === 'mallory' ? own : asAdmin;
          const given = { email: '', password: PASSWORD, ...fields };
          assert.equal(await ask(`/MAAS/api/2.0/${path}`, { authorization }, given), wanted, path);
          assert.equal((await store.accounts.findUser(target))?.passwordHash === NEW_HASH, wanted === undefined, path);
        },
      );
    }
  });

test('a session that another password ends meanwhile changes no password', async (t) => {
  for (const isEnded of [true, false])
    await withMeanwhile(
      t,
      async (place) => {
        if (isEnded) await place.store.accounts.changeUser('olga', { passwordHash: "ann's choice" }, eventOf(place));
      },
      async ({ store, region }, ask, { sessions }) => {
        const checking = t.mock.method(region.passwords, 'check', async () => await Promise.resolve(true));
        const token = await sessions.open((await store.accounts.findUser('olga')) ?? assert.fail('olga'));
        const csrf = (await sessions.find(token))?.csrf ?? '';
        const form = { csrf, do: 'password', present: 'the present one', new: PASSWORD, again: PASSWORD };
        const cookie = `${cookieName(undefined)}=${token}`;
        assert.equal(await ask('/MAAS/account/', { cookie }, form), isEnded ? 'not-authenticated' : undefined);
        assert.equal((await store.accounts.findUser('olga'))?.passwordHash, isEnded ? "ann's choice" : NEW_HASH);
        checking.mock.restore();
      },
    );
});
