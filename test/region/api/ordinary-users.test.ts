// A user without rights may not choose names and addresses that would affect all others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { withRegion } from '../place.ts';
import { acceptRack, rackInterface } from '../racks/rack-place.ts';

const MACS = ['52:54:00:00:00:01', '52:54:00:00:00:02', '52:54:00:00:00:03', '52:54:00:00:00:04'];
/** Two users, one of them an administrator. */
const USERS = ['alice', 'root'] as const;

/** Runs the work with `ask`, which posts as one of the users. @returns status and name of the refusal */
const withUsers = (
  work: (
    ask: (user: (typeof USERS)[number], path: string, fields: Readonly<Record<string, string>>) => Promise<unknown[]>,
    acceptAll: () => Promise<void>,
  ) => Promise<void>,
): Promise<void> =>
  withRegion(async ({ region, store, clock }) => {
    await acceptRack(region, {
      interfaces: [
        { ...rackInterface('10.20.0.0/24'), static_ip_range_low: '10.20.0.20', static_ip_range_high: '10.20.0.29' },
      ],
    });
    const app = buildApp(makeContext(region));
    const keys = await Promise.all(
      USERS.map(async (username) => {
        await store.accounts.addUser({
          username,
          email: '',
          passwordHash: 'a hash',
          isAdmin: username === 'root',
          createdMs: 0,
        });
        return await createApiKey(store, clock, username);
      }),
    );
    try {
      await work(
        async (user, path, fields) => {
          const answer = await app.inject({
            method: 'POST',
            url: `/MAAS/api/2.0/${path}`,
            remoteAddress: '10.20.0.50',
            headers: {
              'content-type': 'application/x-www-form-urlencoded',
              authorization: authorizationOf(keys[USERS.indexOf(user)] ?? ''),
            },
            payload: new URLSearchParams(fields).toString(),
          });
          return [answer.statusCode, answer.headers['x-rackboot-refusal']];
        },
        async () => {
          for (const { systemId } of await store.listMachines({}, 0, 99))
            await region.life.command(
              systemId,
              { name: 'accept', skipsCommissioning: true },
              { username: 'root', isAdmin: true, comment: '' },
            );
        },
      );
    } finally {
      await app.close();
    }
  });

test('a user without rights names no machine in another domain, and no user gives a machine a name that other hosts look for', () =>
  withUsers(async (ask) => {
    const enlist = (user: (typeof USERS)[number], place: number, fields: Readonly<Record<string, string>>) =>
      ask(user, 'machines/', {
        architecture: 'amd64',
        mac_addresses: MACS[place] ?? '',
        power_type: 'manual',
        ...fields,
      });
    assert.deepEqual(await enlist('alice', 0, { hostname: 'login', domain: 'outside.example' }), [403, 'not-allowed']);
    assert.deepEqual(await enlist('alice', 0, { hostname: 'login', domain: 'MAAS' }), [200, undefined]);
    assert.deepEqual(await ask('root', 'domains/', { name: 'outside.example' }), [200, undefined]);
    assert.deepEqual(await enlist('root', 1, { hostname: 'login2', domain: 'outside.example' }), [200, undefined]);
    for (const hostname of ['wpad', 'isatap', 'localhost', 'WPAD.maas'])
      assert.deepEqual(await enlist('alice', 2, { hostname }), [400, 'invalid-parameters'], hostname);
  }));

test('a user without rights gets an address of a static range only', () =>
  withUsers(async (ask, acceptAll) => {
    for (const mac of MACS)
      await ask('root', 'machines/', { architecture: 'amd64', mac_addresses: mac, power_type: 'manual' });
    await acceptAll();
    const allocate = (user: (typeof USERS)[number], address: string) =>
      ask(user, 'machines/?op=allocate', { ip_address: address });
    const tryOut = (user: (typeof USERS)[number], address: string) =>
      ask(user, 'machines/?op=allocate', { ip_address: address, dry_run: 'true' });
    for (const how of [tryOut, allocate]) {
      assert.deepEqual(await how('alice', '10.20.0.53'), [409, 'address-refused']);
      assert.deepEqual(await how('alice', '10.20.0.25'), [200, undefined]);
      assert.deepEqual(await how('root', '10.20.0.53'), [200, undefined]);
    }
    for (const address of ['1.2.3.4', '10.20.0.1', '10.20.0.25'])
      assert.deepEqual(await tryOut('root', address), [409, 'address-refused'], address);
  }));
