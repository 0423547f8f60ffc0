// A directory in memory, for the files of tests.

import { existsSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** Where such file systems are on Linux. */
export const MEMORY_ROOT = '/dev/shm';

/** The run's own directory in memory, which `test/run.ts` makes and removes; without it, the host's. On a host without one: on disk. */
export const MEMORY_PLACE: string =
  process.env.RACKBOOT_TEST_MEMORY ?? (existsSync(MEMORY_ROOT) ? MEMORY_ROOT : tmpdir());

/** Room for the files of all tests that run at a time, in bytes; at most 1.1 GiB were seen. */
const ROOM_MIN = 4 * 1024 ** 3;

/** True if the memory has room for the files of tests: of the file system there, and of the host. */
export function hasRoomInMemory(): boolean {
  if (MEMORY_PLACE === tmpdir()) return false;
  const { bavail, bsize } = statfsSync(MEMORY_PLACE);
  return bavail * bsize >= ROOM_MIN && process.availableMemory() >= 2 * ROOM_MIN;
}

/** Where a database's server keeps its files: making a database in memory takes a tenth of the processor time that it takes on a busy disk. */
export const serverPlace = (): string => (hasRoomInMemory() ? MEMORY_PLACE : tmpdir());
