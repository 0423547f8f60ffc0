// Detects that a rack has lost its leases. It would start without leases and offer addresses that machines still use, and nothing else would
// report it.
//
// 1. `leases.db` is missing or empty, but `lease-ends.json` exists, which only a running rack writes. Check this before `leases.db` is
//    opened: opening creates an empty one.
// 2. `leases.db` has no leases and ends before the record that the mark names (`lease-mark.ts`): its -wal file held all of them. SQLite
//    ignores a -wal file with a damaged header without an error (sqlite.org/fileformat2.html, section 4.1).

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
  return lostText(
    path,
    'If you moved the file away on purpose, there is nothing to do: machines get their leases back as they renew them.',
  );
}

/** Says that an opened `leases.db` has lost all of its leases, and what to do. */
export const emptiedText = (stateDir: string): string =>
  lostText(
    join(stateDir, LEASE_FILE),
    `${LEASE_FILE}-wal was damaged or emptied, which points to a failing disk or memory: sudo journalctl -k -p err shows their errors.`,
  );

const lostText = (path: string, remark: string): string =>
  `${path} ${LEASES_LOST}: the rack may offer addresses that machines still use. Stop Rackboot, restore ${LEASE_FILE} and ${LEASE_FILE}-wal from a backup and start it again. ${remark}`;

/** A file's size in bytes; 0 if it does not exist. An unreadable file counts as existing: opening it will report the problem. */
function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (error) {
    return osErrorCode(error) === 'ENOENT' ? 0 : 1;
  }
}
