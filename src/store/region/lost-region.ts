// Detects a lost database: `region.db` holds nothing, or less than the rack's cache of the desired state. A region that began with nothing
// would empty that cache, the last copy. Also detects an interrupted copy into this file.
//
// 1. Settings are written into `region.db` before the cache, so a new directory is never taken for a loss.
// 2. The version of the desired state only grows. A cache of a later version shows that changes are gone: an older copy was put back, or
//    SQLite dropped the end of a damaged write-ahead log, which it does without an error (sqlite.org/wal.html, "checksum").
// 3. A cache of a remote region proves nothing.

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { counted } from '../../counted.ts';
import { RackError } from '../../errors.ts';
import type { RackNote } from '../../region/reports/notes.ts';
import { desiredStateFile, readCachedState } from '../../uplink/desired-state-cache.ts';
import type { Loss } from '../database-file.ts';

/** Ends the name of the file that a copy or a backup writes. */
export const UNFINISHED = '.unfinished';

/**
 * Opening a forbidden file reports why.
 * @param path of `region.db` @throws RackError `store-broken` if a copy or a restore into this file was interrupted
 */
export function checkNotInterrupted(path: string): void {
  const unfinished = `${path}${UNFINISHED}`;
  if (existsSync(path) || !existsSync(unfinished)) return;
  // Otherwise `findLostRegion` would refuse the start.
  const loss = findLostRegion(dirname(path));
  const obstacles = loss === undefined ? `remove ${unfinished}` : `remove ${unfinished} and move ${loss.witness} away,`;
  const text = `a copy into ${path} was not finished: repeat the command (\`rackboot region copy\` or \`rackboot region restore\`), or ${obstacles} to begin with an empty region`;
  throw new RackError('store-broken', text);
}

/** The cache that shows that a region was here. */
export function findLostRegion(stateDir: string): Loss | undefined {
  const cached = readCachedState(stateDir);
  if (cached === undefined || cached.origin === 'remote') return undefined;
  const { version, machines, settings } = cached.state;
  if (version === 0 && machines.length === 0 && settings === undefined) return undefined;
  const witness = desiredStateFile(stateDir);
  const had = `${counted(machines.length, 'machine')}${settings === undefined ? '' : ', and settings'}`;
  return { shownBy: `${witness} (version ${version}, ${had})`, witness };
}

/** To be called before the cache is replaced. @param version of the database */
export function findOlderRegion(stateDir: string, version: number): RackNote | undefined {
  const cached = readCachedState(stateDir);
  if (cached === undefined || cached.origin === 'remote' || cached.state.version <= version) return undefined;
  return {
    note: 'region-older',
    ownVersion: version,
    otherVersion: cached.state.version,
    file: desiredStateFile(stateDir),
  };
}
