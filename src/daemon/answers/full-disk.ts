// Checks on request whether the state directory's disk is full: otherwise a rack notices a full disk only when it grants a lease.

import { statfsSync } from 'node:fs';
import { type DiskData, fullDiskText } from '../../region/reports/service.ts';

/** Free bytes below which the disk counts as full: one more database write may not fit. */
const FULL_BYTES = 64 * 1024;

/**
 * A sentence with the fault and its remedy; undefined if there is room, or the system does not report it.
 * @param data the data that the process keeps in this directory
 */
export function diskProblem(directory: string, data: DiskData): string | undefined {
  let free: number;
  try {
    const { bavail, bfree, bsize } = statfsSync(directory);
    free = (process.geteuid?.() === 0 ? bfree : bavail) * bsize;
  } catch {
    return undefined;
  }
  if (free >= FULL_BYTES) return undefined;
  return fullDiskText(directory, free, data);
}
