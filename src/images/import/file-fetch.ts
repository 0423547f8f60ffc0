// Downloads one file of an import to its end.

import { RackError } from '../../errors.ts';
import { describeAttemptFault } from '../download/fault-words.ts';
import type { Downloads } from '../download/queue.ts';
import { type Download, type DownloadRequest, isAtRest } from '../download/request.ts';

/** The means of a download. */
export interface FetchTerms {
  readonly downloads: Downloads;
  /** Called after each change of the download. */
  readonly onDownload: (download: Download) => void;
  /** Stops the download; the part stays. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Resolves when the file is there and verified.
 * @param name of what is imported, for people
 * @throws RackError `source-failed` if no attempt gave the file, or `cancelled`
 */
export async function fetchFile(
  request: DownloadRequest,
  name: string,
  { downloads, onDownload, signal }: FetchTerms,
): Promise<void> {
  const download = downloads.add(request);
  const stop = (): void => download.cancel();
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = (): void => {
    onDownload(download);
    if (isAtRest(download.state)) resolve();
  };
  const unwatch = download.watch(look);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    if (signal?.aborted === true) stop();
    look();
    await promise;
  } finally {
    unwatch();
    signal?.removeEventListener('abort', stop);
  }
  const { state } = download;
  if (state.kind === 'done') return;
  // A failed one would stay in the queue.
  download.cancel();
  if (state.kind !== 'failed') throw new RackError('cancelled', 'the import was stopped');
  const why = describeAttemptFault(state.reason);
  throw new RackError('source-failed', `${name} could not be downloaded: ${why}`);
}
