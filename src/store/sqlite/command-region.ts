// The region's store in SQLite, as a command opens it, perhaps while the region runs.
//
// 1. Only the process that has the state directory locked brings older tables up to date: a process
//    that runs on the older tables would continue wrongly.

import { join } from 'node:path';
import { RackError } from '../../ground/errors.ts';
import type { RegionStore } from '../../region/records/store.ts';
import type { DatabaseKind } from '../database-file.ts';
import { REGION_FILE } from '../region/region-schema.ts';
import { lockState } from '../state-lock.ts';
import { openRegionStore } from './region-sqlite.ts';

/**
 * @param kind tests migrate to a version of their own
 * @throws RackError as `openRegionStore`; `already-running` if the tables are older, and another
 * process has the directory locked
 */
export const openCommandRegion = (stateDir: string, kind?: DatabaseKind): RegionStore =>
  openRegionStore({ stateDir, kind, around: (migration) => whileLocked(stateDir, migration) });

function whileLocked(stateDir: string, migration: () => void): void {
  const lock = lockForMigration(stateDir);
  try {
    migration();
  } finally {
    lock.release();
  }
}

function lockForMigration(stateDir: string): ReturnType<typeof lockState> {
  try {
    return lockState(stateDir);
  } catch (error) {
    if (!(error instanceof RackError && error.code === 'already-running')) throw error;
    const text = `${join(stateDir, REGION_FILE)} has the tables of an older Rackboot, and a Rackboot is running on it: restart or stop that one, and repeat the command`;
    throw new RackError('already-running', text, { cause: error });
  }
}
