// Opens the store that a configuration file names.

import type { PostgresStorePlace, StorePlace } from '../config/region-store.ts';
import { RackError, unreachable } from '../errors.ts';
import { fileFault } from '../files/read-fault.ts';
import { readRegularFile } from '../files/regular-file.ts';
import type { RegionStore } from '../region/records/store.ts';
import type { PostgresPlace } from '../store/postgres/postgres-connections.ts';
import { hasRegionStore, openRegionStore } from '../store/sqlite/region-sqlite.ts';

/** A password, or the certificates of some authorities, in octets. */
const FILE_BYTES_MAX = 1 << 18;

/** @throws RackError `store-…`, `config-invalid` for a file that cannot be read */
export async function openStore({ stateDir, store }: StorePlace): Promise<RegionStore> {
  switch (store.kind) {
    case 'sqlite':
      return openRegionStore({ stateDir });
    case 'postgresql': {
      // The driver is loaded only where it is used.
      const { openPostgresRegion } = await import('../store/postgres/region-postgres.ts');
      return await openPostgresRegion(postgresPlace(store));
    }
    default:
      return unreachable(store);
  }
}

/** False if opening the store would make it. */
export const hasStore = ({ stateDir, store }: StorePlace): boolean =>
  store.kind !== 'sqlite' || hasRegionStore(stateDir);

/** Reads the files that a database's place names. @throws RackError `config-invalid` */
export function postgresPlace({ url, pool, passwordFile, caFile }: PostgresStorePlace): PostgresPlace {
  const password = passwordFile === undefined ? undefined : readText('password_file', passwordFile).split('\n')[0];
  const ca = caFile === undefined ? undefined : readText('ca_file', caFile);
  return { url, pool, password, ca };
}

function readText(key: string, path: string): string {
  try {
    return readRegularFile(path, FILE_BYTES_MAX);
  } catch (error) {
    throw new RackError('config-invalid', `region.store.${key}: ${fileFault(path, error).message}`, { cause: error });
  }
}
