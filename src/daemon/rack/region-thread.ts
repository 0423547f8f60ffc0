// Starts the region's thread with bounded memory: a region that exceeds it ends, and the rack continues.

import { Worker } from 'node:worker_threads';
import { threadFile } from '../../ground/thread-file.ts';
import type { RegionConfig } from '../../region/config.ts';

/**
 * Memory of the region's thread, old and young generation, in MiB. `--max-semi-space-size`
 * overrides the latter in every thread.
 */
const REGION_LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 32 } as const;

export function startRegionThread(config: RegionConfig): Worker {
  return new Worker(threadFile('region'), {
    name: 'region',
    workerData: config,
    resourceLimits: REGION_LIMITS,
  });
}
