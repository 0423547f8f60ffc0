// Operations that change something and have no other test. Every parameter has documentation.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApiKey } from '../../../src/region/accounts/accounts.ts';
import { OPERATIONS } from '../../../src/region/api/operations.ts';
import { buildApp, makeContext } from '../../../src/region/http/server.ts';
import type { MachineStatus } from '../../../src/region/records/lifecycle.ts';
import type { Region } from '../../../src/region/region.ts';
import { authorizationOf } from '../../support/oauth.ts';
import { addAdmin } from '../accounts/administrator.ts';
import { enlist, report, withRegion } from '../place.ts';

const A = 0x525400000001;

test('every parameter of every operation has documentation, which --help and the description show', () => {
  const bare = OPERATIONS.flatMap(({ method, path, op, parameters, doc }) =>
    Object.entries(parameters)
      .filter(
        ([name, { description = '' }]) => !/\w/.test(description) || !doc.includes(`:param ${name}: ${description}`),
      )
      .map(([name]) => `${method} ${path} ${op ?? ''}: ${name}`),
  );
  assert.deepEqual(bare, []);
});

interface Shown {
  readonly error_description: string;
  readonly status_name: string;
  readonly owner_data: object;
  readonly conflicts: readonly object[];
}

interface Client {
  /** Posts an operation on a machine as an administrator. */
  readonly post: (id: string, op: string, fields?: Readonly<Record<string, string>>) => Promise<Shown>;
  readonly enlist: (address: number, status: MachineStatus) => Promise<string>;
  readonly identity: (id: string) => Promise<Shown>;
  readonly region: Region;
}

const withClient = (work: (client: Client) => Promise<void>): Promise<void> =>
  withRegion(async ({ region, store, clock }) => {
    await addAdmin(store, clock, { username: 'admin', email: '', password: 'long enough' });
    const authorization = authorizationOf(await createApiKey(store, clock, 'admin'));
    const app = buildApp(makeContext(region));
    const ask = async (method: 'GET' | 'POST', path: string, fields: Readonly<Record<string, string>>) => {
      const answer = await app.inject({
        method,
        url: `/MAAS/api/2.0/machines/${path}`,
        remoteAddress: '10.20.0.50',
        headers: { 'content-type': 'application/x-www-form-urlencoded', authorization },
        ...(method === 'POST' ? { payload: new URLSearchParams(fields).toString() } : {}),
      });
      assert.equal(answer.statusCode, 200, answer.body);
      return JSON.parse(answer.body);
    };
    try {
      await work({
        region,
        post: (id, op, fields = {}) => ask('POST', `${id}/?op=${op}`, fields),
        identity: (id) => ask('GET', `${id}/?op=identity`, {}),
        enlist: async (address, status) => {
          const { systemId } = await enlist(region, report([address]));
          await store.changeMachine(systemId, 1, () => ({ kind: 'change', fields: { status }, events: [] }));
          return systemId;
        },
      });
    } finally {
      await app.close();
    }
  });

test('a machine is marked as broken, fixed and missing, and reinstated', () =>
  withClient(async ({ post, enlist: add }) => {
    const id = await add(A, 'ready');
    assert.equal((await post(id, 'mark_broken')).status_name, 'Broken');
    assert.equal((await post(id, 'mark_fixed')).status_name, 'Ready');
    for (const [fields, reason] of [
      [{ comment: 'its fan is loud' }, 'its fan is loud'],
      [{}, 'its fan is loud'],
      [{ error_description: 'its disk is slow' }, 'its disk is slow'],
    ] as const) {
      const { status_name: status, error_description: why } = await post(id, 'mark_broken', fields);
      assert.deepEqual([status, why], ['Broken', reason]);
    }
    assert.equal((await post(id, 'mark_fixed')).status_name, 'Ready');
    assert.equal((await post(id, 'mark_missing')).status_name, 'Missing');
    assert.equal((await post(id, 'reinstate')).status_name, 'New');
  }));

test('a machine whose tests failed is used when a person overrides the failure', () =>
  withClient(async ({ post, enlist: add }) => {
    const id = await add(A, 'failed-testing');
    assert.equal((await post(id, 'override_failed_testing')).status_name, 'Ready');
  }));

test('annotations of a workload are data of the owner under another name', () =>
  withClient(async ({ post, enlist: add }) => {
    const id = await add(A, 'allocated');
    assert.deepEqual((await post(id, 'set_workload_annotations', { app: 'shop' })).owner_data, { app: 'shop' });
  }));

test('two machines with a conflict are kept apart', () =>
  withClient(async ({ post, identity, region, enlist: add }) => {
    const id = await add(A, 'new');
    const other = await add(A + 1, 'new');
    await enlist(region, report([A + 1, A]));
    assert.equal((await identity(id)).conflicts.length, 1);
    assert.deepEqual((await post(id, 'keep_apart', { other })).conflicts, []);
  }));
