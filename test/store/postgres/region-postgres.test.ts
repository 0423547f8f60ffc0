// The region's database in PostgreSQL: the contract, on a real server.
// @host waits, 80 s
// @disk

import { after, before, describe, test } from 'node:test';
import { RegionTables } from '../../../src/store/operations/region-tables.ts';
import { PostgresConfirmation } from '../../../src/store/postgres/postgres-confirmation.ts';
import { PostgresConnections } from '../../../src/store/postgres/postgres-connections.ts';
import { PostgresTransactions } from '../../../src/store/postgres/postgres-transactions.ts';
import { openPostgresRegion } from '../../../src/store/postgres/region-postgres.ts';
import { EVENT_BOUNDS } from '../../../src/store/sqlite/region-sqlite.ts';
import { testAreaStore } from '../../contract/area-store.ts';
import { testBootStore } from '../../contract/boot-store.ts';
import { testFileStore } from '../../contract/file-store.ts';
import { testLoginStore } from '../../contract/login-store.ts';
import { testMachineStamps } from '../../contract/machine-stamps.ts';
import { testMachineVersions } from '../../contract/machine-versions.ts';
import { testNetworkStore } from '../../contract/network-store.ts';
import { testRackStore } from '../../contract/rack-store.ts';
import { fillRegion, OPERATIONS } from '../../contract/region-operations.ts';
import { testRegionStore } from '../../contract/region-store.ts';
import { testScriptStore } from '../../contract/script-store.ts';
import { testSessionStore } from '../../contract/session-store.ts';
import { testSshKeyStore } from '../../contract/ssh-key-store.ts';
import type { StorePlace } from '../../contract/store-place.ts';
import { testTransactions } from '../../contract/transactions.ts';
import { testUploadStore } from '../../contract/upload-store.ts';
import { missing } from '../../support/needs.ts';
import { RegionDatabases } from '../../support/postgres-server.ts';

let databases: RegionDatabases;

describe('a region in PostgreSQL', { skip: missing('linux', '/usr/lib/postgresql') }, () => {
  before(async () => {
    databases = await RegionDatabases.start();
  });
  after(() => databases.close());

  function makePlace(): StorePlace {
    let name: Promise<string> | undefined;
    return {
      open: async () => {
        name ??= databases.make();
        // With one connection, an operation that held it while it waits for another would stand still.
        return await openPostgresRegion({ ...databases.server.placeOf(await name), pool: 1 });
      },
      remove: async () => {
        if (name !== undefined) await databases.server.removeDatabase(await name);
      },
      useNumbers: async (count) =>
        await databases.server.query(`SELECT nextval('change_number') FROM generate_series(1, ${count})`, await name),
    };
  }

  const title = 'PostgreSQL';
  testTransactions(title, makePlace);
  testRegionStore(title, makePlace);
  testMachineVersions(title, makePlace);
  testLoginStore(title, makePlace);
  testSessionStore(title, makePlace);
  testSshKeyStore(title, makePlace);
  testRackStore(title, makePlace);
  testScriptStore(title, makePlace);
  testBootStore(title, makePlace);
  testNetworkStore(title, makePlace);
  testUploadStore(title, makePlace);
  testAreaStore(title, makePlace);
  testFileStore(title, makePlace);
  testMachineStamps(title, makePlace);

  test('PostgreSQL runs every operation of every table', async () => {
    const name = await databases.make();
    const place = databases.server.placeOf(name);
    const store = await openPostgresRegion(place);
    await fillRegion(store, 12);
    await store.close();
    const driver = new PostgresTransactions(new PostgresConnections(place), new PostgresConfirmation(place));
    const region = { tables: new RegionTables(EVENT_BOUNDS), machines: 12 };
    try {
      for (const operation of Object.values(OPERATIONS)) await driver.write(() => operation(region));
    } finally {
      await driver.close();
      await databases.server.removeDatabase(name);
    }
  });
});
