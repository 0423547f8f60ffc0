// The region's store in SQLite: `region.db` in the state directory.
//
// 1. The file is readable by its owner only: it holds the passwords of power controllers.
// 2. A region never starts empty next to an interrupted copy: its data would seem lost.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { RegionStore } from '../../region/records/store.ts';
import { type DatabaseKind, openDatabaseFile } from '../database-file.ts';
import type { EventBounds } from '../operations/event-cuts.ts';
import { checkNotInterrupted } from '../region/interrupted-copy.ts';
import { REGION_DATABASE, REGION_FILE } from '../region/region-schema.ts';
import { createStoredRegion } from '../region/stored-region.ts';
import { Transactions } from './region-transactions.ts';

export const EVENT_BOUNDS: EventBounds = {
  machineEventsMax: 200_000,
  deedEventsMax: 50_000,
  strangerEventsMax: 10_000,
  rackEventsMax: 10_000,
};

/**
 * Opens or creates `region.db` in a directory.
 * @throws RackError `store-newer`, `store-broken`, `store-unwritable`, `store-unavailable`
 */
export function openRegionStore(options: {
  readonly stateDir: string;
  /** As in `openDatabaseFile`; `undefined` if this process has the directory locked. */
  readonly around?: ((migration: () => void) => void) | undefined;
  readonly bounds?: EventBounds | undefined;
  /** Tests migrate to a version of their own. */
  readonly kind?: DatabaseKind | undefined;
}): RegionStore {
  const path = join(options.stateDir, REGION_FILE);
  checkNotInterrupted(path);
  const database = openDatabaseFile(path, options.kind ?? REGION_DATABASE, options.around);
  database.exec('PRAGMA foreign_keys = ON');
  return createStoredRegion(new Transactions(database, path), options.bounds ?? EVENT_BOUNDS);
}

/** Also true if this user may not read the directory: opening the file reports why. */
export function hasRegionStore(stateDir: string): boolean {
  try {
    return statSync(join(stateDir, REGION_FILE), { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}
