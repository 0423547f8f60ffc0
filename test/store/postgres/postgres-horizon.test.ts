// The number up to which changes in PostgreSQL can be read, while somebody has set its sequence by hand, or holds its locks.
// @host waits, 30 s
// @disk

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import pg from 'pg';
import { instant } from '../../../src/clock.ts';
import type { NewMachineEvent } from '../../../src/region/records/machine-event.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { noteText } from '../../../src/region/words/rack-reasons.ts';
import { HeldHorizon } from '../../../src/store/postgres/postgres-horizon.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { eventuallyWithin } from '../../support/eventually.ts';
import { missing } from '../../support/needs.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';

const HELD_MS_MAX = 10_000;
const EVENT: NewMachineEvent = { type: 'NODE', code: 'rack', params: { text: 'x' }, atMs: 1, username: '' };

describe('the horizon of changes', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  let databases: RegionDatabases;
  let name: string;
  let store: RegionStore;

  before(async () => {
    databases = await RegionDatabases.start();
  });
  after(() => databases.close());
  afterEach(() => store.close());

  beforeEach(async () => {
    name = await databases.make();
    store = await openPostgresRegion(databases.server.placeOf(name));
    await store.recordEvent(EVENT, undefined);
  });

  for (const value of [2n ** 63n - 1n, 2n ** 53n, 2n ** 48n])
    test(`a sequence that somebody set to ${value} is named, and the process continues once it is set back`, async () => {
      const before = await store.eventRange();
      await databases.server.query(`SELECT setval('change_number', ${value})`, name);
      const named = {
        code: 'store-unavailable',
        message: new RegExp(`change_number .* is at ${value}, .*setval\\(\\)`),
      };
      await assert.rejects(store.eventRange(), named);
      await assert.rejects(store.settledVersion(), named);
      await databases.server.query("SELECT setval('change_number', 2000000)", name);
      assert.deepEqual(await store.eventRange(), before);
      await store.recordEvent(EVENT, undefined);
      assert.equal((await store.eventRange()).newest, 2_000_001);
    });
  test('a lock of somebody else that keeps new events from being read is reported once', async () => {
    const said: string[] = [];
    store.troubles?.watch((outage) => said.push(noteText(outage)));
    const other = new pg.Client({ connectionString: databases.server.urlOf(name) });
    await other.connect();
    try {
      await other.query("SELECT pg_advisory_lock_shared((x'5242'::int::bigint << 48) + 5)");
      for (let count = 0; count < 10; count += 1) await store.recordEvent(EVENT, undefined);
      await eventuallyWithin(HELD_MS_MAX + 10_000, 'it is reported', async () => {
        await store.eventRange();
        return said.length > 0;
      });
      await store.eventRange();
      assert.equal(said.length, 1);
      assert.match(said[0] ?? '', /for 10 s, .* pg_locks .* pg_stat_activity, .*pg_terminate_backend/);
      const pid = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid BETWEEN 1380057088 AND 1380122623";
      assert.deepEqual(
        await databases.server.query(pid, name),
        (await other.query('SELECT pg_backend_pid() AS pid')).rows,
      );
    } finally {
      await other.end();
    }
    const { newest } = await store.eventRange();
    await store.recordEvent(EVENT, undefined);
    assert.ok((await store.eventRange()).newest > newest);
  });
});

test('only a lock that stays while numbers are given is reported, and each once', () => {
  const held = new HeldHorizon();
  const seen = (number: number, last: number, ms: number) =>
    held.seen({ horizon: { number, history: '' }, last }, instant(ms))?.outage.note;
  assert.equal(seen(5, 5, 0), undefined);
  assert.equal(seen(5, 6, 1), undefined);
  assert.equal(seen(5, 7, 10_000), undefined);
  assert.equal(seen(5, 7, 10_001), 'horizon-held');
  assert.equal(seen(5, 8, 99_000), undefined);
  assert.equal(seen(8, 9, 99_001), undefined);
  assert.equal(seen(9, 9, 110_000), undefined);
  assert.equal(seen(9, 10, 120_000), undefined);
  assert.equal(seen(9, 10, 130_000), 'horizon-held');
});
