// Starts the region's thread with bounded memory: a region that exceeds it ends, and the rack continues.

import { Worker } from 'node:worker_threads';
import type { RegionConfig } from '../region/config.ts';

/** Memory of the region's thread, old and young generation, in MiB. `--max-semi-space-size` overrides the latter in every thread. */
const REGION_LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 32 } as const;

/** Starts the thread from a file with this file's extension: `.ts` in a checkout, `.js` in a package. */
export function startRegionThread(config: RegionConfig): Worker {
  const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`./thread.${extension}`, import.meta.url), {
    name: 'region',
    workerData: config,
    resourceLimits: REGION_LIMITS,
  });
}
