// Whether the leases of a rack that has run before are gone: `leases.db` is missing or empty although `lease-ends.json`, which only
// a running rack writes, is there. The rack would start with no leases and give addresses that machines still use; nothing else would say so.
//
// 1. It is asked before the file is opened, which makes an empty one.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { osErrorCode } from '../errors.ts';
import { LEASE_FILE } from './lease-journal.ts';
import { TOLD_ENDS_FILE } from './told-ends.ts';

/** Said where the leases are gone: doctor knows it by these words. */
export const LEASES_LOST = 'holds no leases, though this rack has run before';

/** What is wrong and what to do, as one sentence each; undefined: nothing. */
export function findLostLeases(stateDir: string): string | undefined {
  const path = join(stateDir, LEASE_FILE);
  const hasRun = sizeOf(join(stateDir, TOLD_ENDS_FILE)) > 0;
  // What is committed and not yet in the file stands in its -wal.
  if (!hasRun || sizeOf(path) > 0 || sizeOf(`${path}-wal`) > 0) return undefined;
  return `${path} ${LEASES_LOST}: machines may be given addresses that others use. Stop Rackboot, put back ${LEASE_FILE} and ${LEASE_FILE}-wal from a backup and start it again. If you moved the file away on purpose, there is nothing to do: machines come back for their leases as they renew them.`;
}

/** In bytes; 0 for what is not there. What cannot be looked at counts as there: opening it will say what is wrong. */
function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (error) {
    return osErrorCode(error) === 'ENOENT' ? 0 : 1;
  }
}
