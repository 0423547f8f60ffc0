// Whether the disk of the state directory is full, asked when somebody wants to know: a rack of which nobody asked a lease has not met it yet.

import { statfsSync } from 'node:fs';
import { formatBytes } from '../../observe/quantity.ts';

/** Less than this is as good as nothing: one more write of a database may not fit. In bytes. */
const FULL_BYTES = 64 * 1024;

/** The fault in a sentence with its remedy; undefined: there is room, or the system does not say. */
export function fullDiskText(directory: string): string | undefined {
  let free: number;
  try {
    const { bavail, bfree, bsize } = statfsSync(directory);
    free = (process.geteuid?.() === 0 ? bfree : bavail) * bsize;
  } catch {
    return undefined;
  }
  if (free >= FULL_BYTES) return undefined;
  return `the disk of ${directory} is full (${formatBytes(free)} left): neither leases nor what the region knows can be written; make room there`;
}
