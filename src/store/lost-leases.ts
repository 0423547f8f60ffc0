// Detects that a rack has lost its leases: `leases.db` is missing or empty, but `lease-ends.json` exists, which only a running rack
// writes. Such a rack would start without leases and offer addresses that machines still use, and nothing else would report it.
//
// 1. Check before `leases.db` is opened: opening creates an empty one.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { osErrorCode } from '../errors.ts';
import { LEASE_FILE } from './lease-journal.ts';
import { REPORTED_ENDS_FILE } from './reported-ends.ts';

/** Part of the report of lost leases; doctor recognises the report by these words. */
export const LEASES_LOST = 'holds no leases, though this rack has run before';

/** Says that the leases are lost and what to do; undefined if they are not. */
export function findLostLeases(stateDir: string): string | undefined {
  const path = join(stateDir, LEASE_FILE);
  const hasRun = sizeOf(join(stateDir, REPORTED_ENDS_FILE)) > 0;
  // A -wal file without its database is damage, which is refused as it is opened.
  if (!hasRun || sizeOf(path) > 0 || sizeOf(`${path}-wal`) > 0) return undefined;
  return `${path} ${LEASES_LOST}: the rack may offer addresses that machines still use. Stop Rackboot, restore ${LEASE_FILE} and ${LEASE_FILE}-wal from a backup and start it again. If you moved the file away on purpose, there is nothing to do: machines get their leases back as they renew them.`;
}

/** A file's size in bytes; 0 if it does not exist. An unreadable file counts as existing: opening it will report the problem. */
function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (error) {
    return osErrorCode(error) === 'ENOENT' ? 0 : 1;
  }
}
