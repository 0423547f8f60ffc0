// The region gives racks the desired state, follows the life cycle of machines, and sees changes by other processes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mac } from '../../src/ground/address.ts';
import { RackError } from '../../src/ground/errors.ts';
import {
  createAdmin,
  createApiKey,
  findApiKey,
  KEYS_PER_USER_MAX,
  verifyPassword,
  wasUsed,
} from '../../src/region/accounts/accounts.ts';
import { PasswordLimits } from '../../src/region/accounts/password-limits.ts';
import type { Region } from '../../src/region/region.ts';
import { openRegion } from '../../src/region/region.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { changeStatus } from '../support/change-status.ts';
import { reasonOf } from '../support/sentences.ts';
import { bootReport, enlist, facts, report, withRegion } from './place.ts';

const A = 0x525400000001;
const B = 0x525400000002;
const UUID = '0fd4c0a2-2c4e-4a3c-9a3b-000000000001';

const enlistReport = async (region: Region, ...args: Parameters<typeof report>): Promise<string> =>
  (await enlist(region, report(...args))).systemId;

test('the rack gets changes together, shortly after, with an increasing version', () =>
  withRegion(async ({ region, clock, states }) => {
    assert.deepEqual(await region.desiredState(), { schema: 2, version: 0, machines: [] });
    await region.enlist(bootReport([A]));
    await region.enlist(bootReport([B]));
    assert.equal(states.length, 0);
    await clock.pass(100);
    assert.equal(states.length, 1);
    assert.equal(states[0]?.version, 2);
    assert.deepEqual(
      states[0]?.machines.map((machine) => [machine.macs, machine.purpose, machine.statusName]),
      [
        [[A], 'enlist', 'New'],
        [[B], 'enlist', 'New'],
      ],
    );
    await clock.pass(60_000);
    assert.equal(states.length, 1);
  }));

test('the rack does not get a UUID that two machines show', () =>
  withRegion(async ({ region }) => {
    await enlistReport(region, [A], { facts: facts({ uuid: UUID, serial: 'S100' }), vouchedMac: mac(A) });
    assert.equal((await region.desiredState()).machines[0]?.uuid, UUID);
    await enlistReport(region, [B], { facts: facts({ uuid: UUID, serial: 'S200' }), vouchedMac: mac(B) });
    assert.deepEqual(
      (await region.desiredState()).machines.map((machine) => machine.uuid),
      [undefined, undefined],
    );
  }));

test('changes by another process are seen within seconds, even between the region’s own', () =>
  withRegion(async ({ region, config, clock, states, stateDir }) => {
    const store = openRegionStore({ stateDir });
    const other = await openRegion({ config, store, clock, onDesiredState: () => {} });
    await other.enlist(bootReport([A]));
    await clock.pass(3000);
    assert.equal(states.at(-1)?.machines.length, 1);
    const id = await enlistReport(other, [B], { vouchedMac: mac(B) });
    await region.enlist(bootReport([0x525400000003]));
    await clock.pass(100);
    assert.equal(states.at(-1)?.machines.length, 3);
    await other.removeMachine(id, 'bob');
    await clock.pass(3000);
    assert.equal(states.at(-1)?.machines.length, 2);
    assert.ok(states.every((state, index) => index === 0 || state.version > (states[index - 1]?.version ?? 0)));
    other.close();
    await store.close();
  }));

test('a state that lasts too long fails, even after a restart; a boot of the machine extends it', () =>
  withRegion(async ({ region, config, clock, stateDir }) => {
    const id = await enlistReport(region, [A]);
    const MINUTE = 60_000;
    await changeStatus(region, id, 'commissioning', { username: 'bob' });
    await clock.pass(20 * MINUTE);
    const boot = { sequence: 1, kind: 'boot.configuration-rendered', at: clock.wallTimeMs(), text: 'x' };
    const version = await region.store.desiredVersion();
    await region.observe([{ ...boot, mac: '52:54:00:00:00:01' }]);
    assert.equal(await region.store.desiredVersion(), version);
    await clock.pass(20 * MINUTE);
    assert.equal((await region.store.findMachine(id))?.status, 'commissioning');
    region.close();
    const store = openRegionStore({ stateDir });
    const again = await openRegion({ config, store, clock, onDesiredState: () => {} });
    await clock.pass(11 * MINUTE);
    const machine = await again.store.findMachine(id);
    assert.equal(machine?.status, 'failed-commissioning');
    assert.match(reasonOf(machine), /20 minutes; last seen: /);
    assert.equal(machine?.statusDeadlineMs, undefined);
    again.close();
    await store.close();
  }));

test('a password is stored as a hash that verifies only that password', { timeout: 20_000 }, () =>
  withRegion(async ({ store, clock }) => {
    const user = await createAdmin(store, clock, {
      username: 'bob',
      email: 'bob@example.org',
      password: 'grüne Grütze',
    });
    assert.match(user.passwordHash, /^scrypt\$32768\$8\$1\$/);
    const limits = new PasswordLimits();
    const verify = async (password: string, hash: string): Promise<boolean> => {
      const permit = await limits.take('10.20.0.1', clock.now());
      assert.ok(typeof permit === 'object');
      return verifyPassword(permit, password, hash);
    };
    assert.equal(await verify('grüne Grütze', user.passwordHash), true);
    assert.equal(await verify('gru\u0308ne Gru\u0308tze', user.passwordHash), true);
    assert.equal(await verify('grune Grutze', user.passwordHash), false);
    assert.equal(await verify('grün', 'scrypt$1$1$1$AA$AA'), false);
    assert.equal(await verify('grün', ''), false);
    const refused: [object, string][] = [
      [{ username: 'bob' }, 'already-exists'],
      [{ username: '' }, 'bad-argument'],
      [{ username: 'a b' }, 'bad-argument'],
      [{ username: 'x', email: 'no body' }, 'bad-argument'],
      [{ username: 'x', password: '' }, 'bad-argument'],
      [{ username: 'x', password: 'abc' }, 'bad-argument'],
      [{ username: 'x', password: 'x'.repeat(513) }, 'bad-argument'],
    ];
    for (const [change, code] of refused) {
      const account = { username: 'bob', email: '', password: 'long enough', ...change };
      await assert.rejects(
        createAdmin(store, clock, account),
        (error) => error instanceof RackError && error.code === code,
      );
    }
  }),
);

test(
  'an API key is shown once, found by its three parts, and beyond the bound one more is refused and no other is lost',
  { timeout: 20_000 },
  () =>
    withRegion(async ({ store, clock }) => {
      await assert.rejects(createApiKey(store, clock, 'bob'), /no user bob/);
      await createAdmin(store, clock, { username: 'bob', email: '', password: 'long enough' });
      const keys: string[] = [];
      while (keys.length < KEYS_PER_USER_MAX) {
        await clock.pass(1000);
        keys.push(await createApiKey(store, clock, 'bob'));
      }
      assert.equal(new Set(keys).size, keys.length);
      const [, unused = ''] = keys[0]?.split(':') ?? [];
      await assert.rejects(
        createApiKey(store, clock, 'bob'),
        (error) =>
          error instanceof RackError && error.code === 'limit-reached' && error.message.includes(`--remove ${unused}`),
      );
      assert.equal((await store.accounts.listKeys('bob')).length, KEYS_PER_USER_MAX);
      const find = (key: string) => {
        const [consumerKey = '', tokenKey = '', secret = ''] = key.split(':');
        return findApiKey(store, clock, { consumerKey, tokenKey, secret });
      };
      const [oldest = '', , newest = ''] = [keys[0], keys[1], keys.at(-1)];
      assert.ok(!(await store.accounts.listKeys('bob')).some(wasUsed), 'a key that nobody has used looks unused');
      assert.equal((await find(oldest))?.username, 'bob');
      assert.deepEqual(
        (await store.accounts.listKeys('bob')).map(wasUsed),
        keys.map((key) => key === oldest),
      );
      assert.equal((await find(newest))?.username, 'bob');
      assert.equal(await find(`x${newest}`), undefined);
      assert.equal(await find(`${newest}x`), undefined);
      const stored = (await store.accounts.listKeys('bob')).at(-1);
      assert.ok(!JSON.stringify(stored).includes(newest.split(':')[2] ?? '?'));
      assert.ok(await store.accounts.removeKey('bob', unused));
      assert.match(await createApiKey(store, clock, 'bob'), /:/);
    }),
);

test('a reopened region has the same desired state and version', () =>
  withRegion(async ({ region, config, clock, stateDir }) => {
    await enlistReport(region, [A]);
    const store = openRegionStore({ stateDir });
    const again = await openRegion({ config, store, clock, onDesiredState: () => {} });
    assert.deepEqual(await again.desiredState(), await region.desiredState());
    again.close();
    await store.close();
  }));
