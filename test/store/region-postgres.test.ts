// The region's database in PostgreSQL: the contract, on a real server.
// @host waits

import { after, before } from 'node:test';
import { openPostgresRegion } from '../../src/store/region-postgres.ts';
import { testLoginStore } from '../contract/login-store.ts';
import { testMachineVersions } from '../contract/machine-versions.ts';
import { testRackStore } from '../contract/rack-store.ts';
import { testRegionStore } from '../contract/region-store.ts';
import { testScriptStore } from '../contract/script-store.ts';
import type { StorePlace } from '../contract/store-place.ts';
import { testTransactions } from '../contract/transactions.ts';
import { PostgresServer } from '../support/postgres-server.ts';

let server: PostgresServer;
/** A database with tables and nothing in them, to copy. */
let template: string;

before(async () => {
  server = await PostgresServer.start();
  template = await server.makeDatabase();
  await (await openPostgresRegion(server.placeOf(template))).close();
});
after(() => server.close());

function makePlace(): StorePlace {
  let name: Promise<string> | undefined;
  return {
    open: async () => {
      name ??= server.makeDatabase(template);
      return await openPostgresRegion(server.placeOf(await name));
    },
    remove: async () => {
      if (name !== undefined) await server.removeDatabase(await name);
    },
  };
}

const title = 'PostgreSQL';
testTransactions(title, makePlace);
testRegionStore(title, makePlace);
testMachineVersions(title, makePlace);
testLoginStore(title, makePlace);
testRackStore(title, makePlace);
testScriptStore(title, makePlace);
