// A place for the stores of a contract, on a PostgreSQL server.

import { openPostgresRegion } from '../../src/store/postgres/region-postgres.ts';
import type { RegionDatabases } from '../support/postgres-server.ts';
import type { StorePlace } from './store-place.ts';

/** A place for stores in a database of its own. @param databases gives the server that runs when the place is used */
export function postgresStorePlace(databases: () => RegionDatabases): StorePlace {
  let name: Promise<string> | undefined;
  return {
    open: async () => {
      name ??= databases().make();
      // With one connection, an operation that held it while it waits for another would stand still.
      return await openPostgresRegion({ ...databases().server.placeOf(await name), pool: 1 });
    },
    remove: async () => {
      if (name !== undefined) await databases().server.removeDatabase(await name);
    },
    useNumbers: async (count) =>
      await databases().server.query(`SELECT nextval('change_number') FROM generate_series(1, ${count})`, await name),
  };
}
