// A directory in memory, for tests that write or flush very much.

import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** Where such file systems are on Linux. */
export const MEMORY_ROOT = '/dev/shm';

/** The run's own directory in memory, which `test/run.ts` makes and removes; without it, the host's. On a host without one: on disk. */
export const MEMORY_PLACE: string =
  process.env.RACKBOOT_TEST_MEMORY ?? (existsSync(MEMORY_ROOT) ? MEMORY_ROOT : tmpdir());
