// Checks on request whether the state directory's disk is full: otherwise a rack notices a full
// disk only when it grants a lease.

import { statfsSync } from 'node:fs';
import { formatBytes } from '../../ground/quantity.ts';

/** The data that a full disk keeps from being written. */
const DISK_DATA = {
  'leases-and-region': "neither leases nor the region's data can be written",
  'leases-and-events': 'neither leases nor events for the region can be written',
  region: "the region's data cannot be written",
  'hypervisor-keys': "the region's data is in its database, but the keys for hypervisors cannot be written",
};

/** Free bytes below which the disk counts as full: one more database write may not fit. */
const FULL_BYTES = 64 * 1024;

/**
 * A sentence with the fault and its remedy; `undefined` if there is room, or the system does not
 * report it.
 * @param data the data that the process keeps in this directory
 */
export function findDiskProblem(directory: string, data: keyof typeof DISK_DATA): string | undefined {
  const freeBytes = readDiskSpace(directory)?.freeBytes;
  if (freeBytes === undefined || freeBytes >= FULL_BYTES) return undefined;
  return `the disk of ${directory} is full (${formatBytes(freeBytes)} left): ${DISK_DATA[data]}; free some space there`;
}

/** The disk of a directory; `undefined` if the system does not report it. */
export function readDiskSpace(
  directory: string,
): { readonly freeBytes: number; readonly totalBytes: number } | undefined {
  try {
    const { bavail, bfree, blocks, bsize } = statfsSync(directory);
    return { freeBytes: (process.geteuid?.() === 0 ? bfree : bavail) * bsize, totalBytes: blocks * bsize };
  } catch {
    return undefined;
  }
}
