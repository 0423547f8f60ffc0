// The thread in which a rack copies its region's images. It ends after one copy.

import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../clock.ts';
import { errorText, RackError } from '../../errors.ts';
import { DownloadQueue } from '../download/queue.ts';
import { DEFAULT_SETTINGS } from '../download/settings.ts';
import type { CopyOrder } from './region-copies.ts';
import { type CopyProgress, type CopyResult, copyFromRegion } from './region-copy.ts';

const { ca, ...work }: CopyOrder = workerData;
const downloads = new DownloadQueue(
  { ...DEFAULT_SETTINGS, authorities: ca === undefined ? undefined : [ca] },
  systemClock,
);

async function run(): Promise<CopyResult> {
  try {
    const onProgress = (progress: CopyProgress): void => parentPort?.postMessage({ kind: 'progress', progress });
    return await copyFromRegion({ ...work, downloads, clock: systemClock, onProgress });
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    return { added: 0, removed: 0, problems: [errorText(error)] };
  } finally {
    await downloads.close();
  }
}

parentPort?.postMessage({ kind: 'result', result: await run() });
