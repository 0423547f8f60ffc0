// The store's port gives the racks only together with their version. Tests that need the racks alone take them here.

import type { Rack } from '../../src/region/records/rack.ts';
import type { RegionStore } from '../../src/region/records/store.ts';

/** The racks in a store, in the order of their registration. */
export const storedRacks = async (store: RegionStore): Promise<readonly Rack[]> =>
  (await store.racks.look(-1))?.racks ?? [];
