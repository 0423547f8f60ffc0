// The region's database in PostgreSQL: the contract of machines, racks and settings, and each statement, on a real server. The rest of the
// contract is in the long suite.
// @host waits, 40 s
// @disk

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PostgresConfirmation } from '../../../src/store/postgres/postgres-confirmation.ts';
import { PostgresConnections } from '../../../src/store/postgres/postgres-connections.ts';
import { PostgresTransactions } from '../../../src/store/postgres/postgres-transactions.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { createRegionTables } from '../../../src/store/region/stored-region.ts';
import { EVENT_BOUNDS } from '../../../src/store/sqlite/region-sqlite.ts';
import { type Answer, all, type Steps } from '../../../src/store/steps.ts';
import { testMachineVersions } from '../../contract/machine-versions.ts';
import { postgresStorePlace } from '../../contract/postgres-store-place.ts';
import { testRackStore } from '../../contract/rack-store.ts';
import { fillRegion, OPERATIONS } from '../../contract/region-operations.ts';
import { testRegionStore } from '../../contract/region-store.ts';
import type { StorePlace } from '../../contract/store-place.ts';
import { testTransactions } from '../../contract/transactions.ts';
import { missing } from '../../support/needs.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';

let databases: RegionDatabases;

describe('a region in PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  before(async () => {
    databases = await RegionDatabases.start();
  });
  after(() => databases.close());

  const makePlace = (): StorePlace => postgresStorePlace(() => databases);
  const title = 'PostgreSQL';
  testTransactions(title, makePlace);
  testRegionStore(title, makePlace);
  testMachineVersions(title, makePlace);
  testRackStore(title, makePlace);

  test('PostgreSQL runs every operation of every table', async () => {
    const name = await databases.make();
    const place = databases.server.placeOf(name);
    const store = await openPostgresRegion(place);
    await fillRegion(store, 12);
    await store.close();
    const driver = new PostgresTransactions(new PostgresConnections(place), new PostgresConfirmation(place));
    const region = { tables: createRegionTables(EVENT_BOUNDS), machines: 12 };
    try {
      for (const operation of Object.values(OPERATIONS)) await driver.write(() => operation(region));
      // A parameter that is only compared with a small literal becomes an int4, and a larger value an error.
      const sql = "SELECT statement FROM pg_prepared_statements WHERE 'int4'::regtype = ANY (parameter_types)";
      const { rows } = await driver.read(function* (): Steps<Answer> {
        return yield all(sql);
      });
      assert.deepEqual(rows, []);
    } finally {
      await driver.close();
      await databases.server.removeDatabase(name);
    }
  });

  test('a reference to a row that nobody adds is refused as soon as its transaction has run alone', async () => {
    const name = await databases.make();
    const place = databases.server.placeOf(name);
    await (await openPostgresRegion(place)).close();
    const driver = new PostgresTransactions(new PostgresConnections(place), new PostgresConfirmation(place));
    const orphan = "INSERT INTO session VALUES ('x', 7, 'x', 0, 0, '')";
    const begunAt = performance.now();
    try {
      await assert.rejects(
        driver.write(function* (): Steps<Answer> {
          return yield all(orphan);
        }),
        { code: '23503' },
      );
      // It runs among others for a second, and would run again for ten.
      assert.ok(performance.now() - begunAt < 5000);
    } finally {
      await driver.close();
      await databases.server.removeDatabase(name);
    }
  });
});
