// Every operation in each version, called by each kind of caller: exactly the callers that the table of operations declares get past its door. Their
// rights on objects of others are tested in `rights/bobs-rights.test.ts`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import type { Operation } from '../../../src/region/api/call/operation.ts';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { addAdmin, hashOnce } from '../accounts/administrator.ts';
import { enlist, report, withRegion } from '../place.ts';
import { digestOf } from '../racks/rack-place.ts';

const PEOPLE = ['nobody', 'outsider', 'alice', 'bob', 'admin', 'machine', 'other-machine'] as const;
type Caller = (typeof PEOPLE)[number];

/** The refusals at the door, before an operation looks at anything: its own refusals have other sentences. */
const DOOR =
  /^(?:Authenticate with an API key|Only an administrator may do this|A machine may not do this)|managed network/;

const KEY = { consumerKey: 'c', secretDigest: digestOf('s'), name: '', createdMs: 0, usedMs: 0 };

/** The callers that an operation lets in. A machine's own path is closed to every other machine by a 404. */
function admitted({ access, path }: Operation): readonly Caller[] {
  const users: readonly Caller[] = ['alice', 'bob', 'admin'];
  switch (access) {
    case 'anyone':
      return PEOPLE;
    case 'managed':
      return ['nobody', ...users];
    case 'machine':
      return path.includes('{system_id}') ? [...users, 'machine'] : users;
    case 'user':
      return users;
    case 'admin':
      return ['admin'];
  }
}

for (const version of ['1.0', '2.0'] as const)
  test(`every operation of ${version} lets in the callers that its table declares, and no others`, () =>
    withRegion(async ({ region, store, clock }) => {
      await addAdmin(store, clock, { username: 'admin', email: '', password: 'long enough' });
      const passwordHash = await hashOnce('long enough', clock);
      for (const username of ['alice', 'bob'])
        await store.accounts.addUser({ username, email: '', passwordHash, isAdmin: false, createdMs: 0 });
      const keys = new Map<Caller, string>();
      for (const username of ['alice', 'bob', 'admin'] as const)
        keys.set(username, authorizationOf(await createApiKey(store, clock, username)));
      const ids = [await enlist(region, report([0x525400000001])), await enlist(region, report([0x525400000002]))];
      const [own = '', other = ''] = ids.map(({ systemId }) => systemId);
      for (const [name, systemId] of [
        ['machine', own],
        ['other-machine', other],
      ] as const) {
        await store.accounts.addKey({ ...KEY, tokenKey: name, systemId }, 9);
        keys.set(name, authorizationOf(`c:${name}:s`));
      }
      const app = buildApp(makeContext(region));
      const wrong: string[] = [];
      try {
        for (const operation of OPERATIONS.filter(
          ({ op, versions }) => op !== 'follow' && versions.includes(version),
        )) {
          const op = operation.op === undefined ? '' : `?op=${operation.op}`;
          // A path without anything behind it: an operation that is let in finds nothing, or misses its parameters.
          const path = operation.path.replace('{system_id}', own).replace(/\{\w+\}/g, 'absent-1');
          for (const caller of PEOPLE) {
            await clock.pass(2000);
            // Later callers need the machine, so nobody deletes it.
            const isRemoval = operation.method === 'DELETE' && operation.path.endsWith('{system_id}');
            const key = keys.get(caller);
            const answer = await app.inject({
              method: operation.method,
              url: `/MAAS/api/${version}/${isRemoval ? path.replace(own, 'zzzzzz') : path}/${op}`,
              remoteAddress: caller === 'outsider' ? '192.0.2.7' : '10.20.0.50',
              headers: key === undefined ? {} : { authorization: key },
            });
            const isShut =
              DOOR.test(answer.body) ||
              (caller.endsWith('machine') && answer.body === 'No machine has this system id.');
            const isLet = isRemoval && caller === 'machine' ? false : admitted(operation).includes(caller);
            // An operation that fails has let nobody in.
            if (isShut === isLet || answer.statusCode >= 500) {
              wrong.push(
                `${caller} ${version} ${operation.method} ${operation.path} ${op}: ${answer.statusCode} ${answer.body.slice(0, 60)}`,
              );
            }
          }
        }
      } finally {
        await app.close();
      }
      assert.deepEqual(wrong, []);
    }));
