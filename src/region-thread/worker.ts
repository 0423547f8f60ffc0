// Starts the region's thread, within bounds of its memory: a region that runs away ends, and the rack goes on.

import { Worker } from 'node:worker_threads';
import type { RegionConfig } from '../region/config.ts';

/** Memory of the region's thread: old and young generation, in MiB; `--max-semi-space-size` overrides the latter in every thread. */
const REGION_LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 32 } as const;

/** The thread, of the same kind of file as this one: `.ts` from a checkout, `.js` from a package. */
export function startRegionThread(config: RegionConfig): Worker {
  const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`./thread.${extension}`, import.meta.url), {
    name: 'region',
    workerData: config,
    resourceLimits: REGION_LIMITS,
  });
}
