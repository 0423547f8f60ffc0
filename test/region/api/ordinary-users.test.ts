// A user without rights may not choose names and addresses that would affect all others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withAskedApi } from '../asked-api.ts';
import type { RegionPlace } from '../place.ts';
import { acceptRack, rackInterface } from '../racks/rack-place.ts';

const MACS = ['52:54:00:00:00:01', '52:54:00:00:00:02', '52:54:00:00:00:03', '52:54:00:00:00:04'];
type User = 'alice' | 'admin';

/** Runs the work with `post`, which answers with status and name of the refusal. */
const withUsers = (
  work: (
    post: (by: User, path: string, fields: Readonly<Record<string, string>>) => Promise<unknown[]>,
    place: RegionPlace,
  ) => Promise<void>,
) =>
  withAskedApi(async ({ ask, place }) => {
    await acceptRack(place.region, {
      interfaces: [
        { ...rackInterface('10.20.0.0/24'), static_ip_range_low: '10.20.0.20', static_ip_range_high: '10.20.0.29' },
      ],
    });
    await work(async (by, path, fields) => {
      const { status, refusal } = await ask('POST', `2.0/${path}`, fields, by);
      return [status, refusal];
    }, place);
  });

test('a user without rights names no machine in another domain, and no user gives a machine a name that other hosts look for', () =>
  withUsers(async (ask) => {
    const enlist = (user: User, place: number, fields: Readonly<Record<string, string>>) =>
      ask(user, 'machines/', {
        architecture: 'amd64',
        mac_addresses: MACS[place] ?? '',
        power_type: 'manual',
        ...fields,
      });
    assert.deepEqual(await enlist('alice', 0, { hostname: 'login', domain: 'outside.example' }), [403, 'not-allowed']);
    assert.deepEqual(await enlist('alice', 0, { hostname: 'login', domain: 'MAAS' }), [200, undefined]);
    assert.deepEqual(await ask('admin', 'domains/', { name: 'outside.example' }), [200, undefined]);
    assert.deepEqual(await enlist('admin', 1, { hostname: 'login2', domain: 'outside.example' }), [200, undefined]);
    for (const hostname of ['wpad', 'isatap', 'localhost', 'WPAD.maas'])
      assert.deepEqual(await enlist('alice', 2, { hostname }), [400, 'invalid-parameters'], hostname);
  }));

test('a user without rights gets an address of a static range only', () =>
  withUsers(async (ask, { region, store }) => {
    for (const mac of MACS)
      await ask('admin', 'machines/', { architecture: 'amd64', mac_addresses: mac, commission: 'false' });
    for (const { systemId } of await store.listMachines({}, 0, 99))
      await region.life.command(
        systemId,
        { name: 'accept', skipsCommissioning: true },
        { username: 'admin', isAdmin: true, comment: '' },
      );
    const allocate = (user: User, address: string) => ask(user, 'machines/?op=allocate', { ip_address: address });
    const tryOut = (user: User, address: string) =>
      ask(user, 'machines/?op=allocate', { ip_address: address, dry_run: 'true' });
    for (const how of [tryOut, allocate]) {
      assert.deepEqual(await how('alice', '10.20.0.53'), [409, 'address-refused']);
      assert.deepEqual(await how('alice', '10.20.0.25'), [200, undefined]);
      assert.deepEqual(await how('admin', '10.20.0.53'), [200, undefined]);
    }
    for (const address of ['1.2.3.4', '10.20.0.1', '10.20.0.25'])
      assert.deepEqual(await tryOut('admin', address), [409, 'address-refused'], address);
  }));
