// Detects that a rack has lost its leases: it would offer addresses that machines still use, and nothing else would
// report it.
//
// 1. `leases.db` is missing or empty, but `lease-ends.json` exists, which only a running rack writes. Checked before
//    `leases.db` is opened, which creates an empty one.
// 2. `leases.db` has no leases and ends before the record that the mark names (`lease-mark.ts`): its -wal file held all
//    of them. SQLite ignores a -wal file with a damaged header without an error (sqlite.org/fileformat2.html, section
//    4.1).

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { osErrorCode } from '../../errors.ts';
import type { RackNote } from '../../region/reports/notes.ts';
import { LEASE_FILE } from './lease-journal.ts';
import { REPORTED_ENDS_FILE } from './reported-ends.ts';

export function findLostLeases(stateDir: string): RackNote | undefined {
  const path = join(stateDir, LEASE_FILE);
  const hasRun = sizeOf(join(stateDir, REPORTED_ENDS_FILE)) > 0;
  // A -wal file without its database is refused as it is opened.
  if (!hasRun || sizeOf(path) > 0 || sizeOf(`${path}-wal`) > 0) return undefined;
  return { note: 'leases-lost', file: path };
}

export const leasesEmptied = (stateDir: string): RackNote => ({
  note: 'leases-emptied',
  file: join(stateDir, LEASE_FILE),
});

/** 0 if the file does not exist. Opening an unreadable one will report the problem. */
function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (error) {
    return osErrorCode(error) === 'ENOENT' ? 0 : 1;
  }
}
