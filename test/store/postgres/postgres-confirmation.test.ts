// A synchronous standby of PostgreSQL is lost: the primary stores commits and does not confirm them.
// @host waits, 60 s
// @disk

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { sleep } from '../../../src/ground/clock.ts';
import { RackError } from '../../../src/ground/errors.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { type Outage, StoreOutage } from '../../../src/region/reports/notes.ts';
import { PostgresConfirmation } from '../../../src/store/postgres/postgres-confirmation.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { FIELDS } from '../../contract/machines.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { missing } from '../../support/needs.ts';
import { PostgresServer } from '../../support/postgres-server.ts';

const WAIT_MS_MAX = 30_000;
const POOL = 2;

const UNKNOWN =
  /^the region's database does not confirm changes, .* whether this change was stored is unknown .*standby/;
const REFUSED = /^the region's database does not confirm changes, .* this change was not made; .*standby/;

const user = (username: string) => ({ username, email: '', passwordHash: 'x', isAdmin: true, createdMs: 1 });

/** Why a write fails. */
async function failureOf(write: Promise<unknown>): Promise<string> {
  const error = await write.then(
    () => assert.fail('it was said to be stored'),
    (failure: unknown) => failure,
  );
  assert.ok(error instanceof RackError && error.code === 'store-unavailable', String(error));
  return error.message;
}

test('the end of a full disk is reported once, when a change is stored, with how long changes were refused', async () => {
  const confirmation = new PostgresConfirmation({ url: 'postgresql:///x?host=/nonexistent', pool: 1 });
  const ends: number[] = [];
  confirmation.watchRefusals((refusedMs) => ends.push(refusedMs));
  const full = new StoreOutage({ note: 'database-unusable', fault: 'disk-full', said: 'no space' });
  confirmation.noteChange(undefined);
  confirmation.noteChange(full);
  await sleep(20);
  confirmation.noteChange(full);
  confirmation.noteChange(new Error('another fault'));
  assert.deepEqual([ends, confirmation.refused?.outage], [[], full.outage]);
  confirmation.noteChange(undefined);
  confirmation.noteChange(undefined);
  assert.equal(ends.length, 1);
  assert.ok((ends[0] ?? 0) >= 19, String(ends));
  assert.equal(confirmation.refused, undefined);
});

describe('a PostgreSQL whose synchronous standby is lost', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let server: PostgresServer;
  let standby: PostgresServer;
  let store: RegionStore;
  let name: string;
  let changes: (Outage | undefined)[];

  before(async () => {
    server = await PostgresServer.start();
    standby = await server.startStandby();
  });
  after(async () => {
    await server?.close();
    await standby?.close();
  });
  beforeEach(async () => {
    name = await server.makeDatabase();
    store = await openPostgresRegion({ ...server.placeOf(name), pool: POOL });
    changes = [];
    store.confirmation?.watch((problem) => changes.push(problem));
    await store.accounts.addUser(user('zoe'));
    await standby.end('SIGKILL');
  });
  afterEach(async () => {
    await server.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await server.query('SELECT pg_reload_conf()');
    await standby.end('SIGKILL');
    await standby.run();
    await store.close();
  });

  const names = async (): Promise<readonly string[]> =>
    (await store.accounts.listUsers()).map(({ username }) => username).sort();

  const goOnAlone = async (): Promise<void> => {
    await server.query("ALTER SYSTEM SET synchronous_standby_names = ''");
    await server.query('SELECT pg_reload_conf()');
  };

  const confirms = (): Promise<unknown> =>
    eventuallyWithin(WAIT_MS_MAX, 'it confirms again', () => store.confirmation?.problem === undefined);

  for (const [how, mend] of [
    ['is back', () => standby.run()],
    ['is no longer waited for', goOnAlone],
  ] as const) {
    test(`says that a change is unknown, refuses further ones, reads, and continues when the standby ${how}`, async () => {
      // As many as there are connections.
      const unknown = await Promise.all([
        failureOf(store.accounts.addUser(user('ann'))),
        failureOf(store.accounts.addUser(user('bob'))),
      ]);
      for (const text of unknown) assert.match(text, UNKNOWN);
      assert.deepEqual(await names(), ['zoe']);
      assert.match(await failureOf(store.accounts.addUser(user('ann'))), REFUSED);
      assert.deepEqual(store.confirmation?.problem, { note: 'changes-unconfirmed' });
      await mend();
      await confirms();
      assert.deepEqual(await names(), ['ann', 'bob', 'zoe']);
      assert.equal(await store.accounts.addUser(user('ann')), undefined, 'repeated, it happens once');
      assert.equal((await store.accounts.addUser(user('cid')))?.username, 'cid');
      assert.deepEqual([changes.length, changes[1]], [2, undefined], 'it is reported once');
    });
  }

  test('reports a change as not made if it waits for an unconfirmed row', async () => {
    await goOnAlone();
    await store.enlist({ macs: [], values: [], atMs: 1 }, () => ({
      kind: 'create',
      systemId: 'a',
      fields: { ...FIELDS, hostname: 'a' },
      interfaces: [],
      events: [],
    }));
    await server.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await server.query('SELECT pg_reload_conf()');
    // The server reads its configuration some time after the answer, and its checkpointer tells the others that commits wait: it does so before
    // a checkpoint.
    const waits = async () => (await server.query('SHOW synchronous_standby_names'))[0]?.synchronous_standby_names;
    await eventuallyWithin(WAIT_MS_MAX, 'it waits for standbys', async () => (await waits()) === '*');
    await server.query('CHECKPOINT');
    const change = (description: string) =>
      store.changeMachine('a', 1, () => ({ kind: 'change', events: [], fields: { description } }));
    const [first, second] = await Promise.all([failureOf(change('one')), failureOf(change('two'))]);
    assert.equal([first, second].filter((text) => UNKNOWN.test(text)).length, 1);
    assert.equal([first, second].filter((text) => REFUSED.test(text)).length, 1);
    await goOnAlone();
    await confirms();
    const wanted = UNKNOWN.test(first) ? 'one' : 'two';
    assert.equal((await store.findMachine('a'))?.description, wanted);
  });

  for (const [how, lose] of [
    [
      'connection is lost',
      () => server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"),
    ],
    [
      'server crashes',
      async () => {
        await server.end('SIGKILL');
        await server.run();
      },
    ],
  ] as const) {
    test(`does not say that a change is stored whose ${how} while it waits`, async () => {
      const failing = failureOf(store.accounts.addUser(user('ann')));
      await eventuallyWithin(WAIT_MS_MAX, 'it waits', async () => {
        const waiting = await server.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        return waiting.length > 0;
      });
      await lose();
      assert.match(await failing, UNKNOWN);
      await goOnAlone();
      await confirms();
      assert.equal(await store.accounts.addUser(user('ann')), undefined, 'repeated, it happens once');
    });
  }
});
