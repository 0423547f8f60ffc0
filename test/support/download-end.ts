// Waits for the end of a download.

import { DownloadError } from '../../src/images/download/fault.ts';
import type { Downloads } from '../../src/images/download/queue.ts';
import type { DownloadRequest, DownloadState } from '../../src/images/download/request.ts';

/** Downloads. @returns the last state */
export const endOf = (
  downloads: Downloads,
  request: DownloadRequest,
  terms: Parameters<Downloads['fetch']>[1] = {},
): Promise<DownloadState> =>
  downloads.fetch(request, terms).then(
    (bytes) => ({ kind: 'done', bytes }),
    (error: unknown) => {
      if (error instanceof DownloadError) return { kind: 'failed', reason: error.fault };
      throw error;
    },
  );
