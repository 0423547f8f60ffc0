// Opens the store that a configuration file names.

import type { StorePlace } from '../config/region-store.ts';
import { unreachable } from '../errors.ts';
import type { RegionStore } from '../region/records/store.ts';
import { openRegionStore } from '../store/region-sqlite.ts';

/** @throws RackError `store-…` */
export async function openStore({ stateDir, store }: StorePlace): Promise<RegionStore> {
  switch (store.kind) {
    case 'sqlite':
      return openRegionStore({ stateDir });
    case 'postgresql': {
      // The driver is loaded only where it is used.
      const { openPostgresRegion } = await import('../store/region-postgres.ts');
      return await openPostgresRegion(store);
    }
    default:
      return unreachable(store);
  }
}
