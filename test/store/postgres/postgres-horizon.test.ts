// The number up to which changes in PostgreSQL can be read, while somebody has set its sequence by hand.
// @host waits, 30 s

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import type { NewMachineEvent } from '../../../src/region/records/machine-event.ts';
import type { RegionStore } from '../../../src/region/records/store.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { missing } from '../../support/needs.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';

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
});
