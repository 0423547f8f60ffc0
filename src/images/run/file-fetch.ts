// Downloads one file of an import.

import { join } from 'node:path';
import { RackError } from '../../errors.ts';
import { AttemptFailure, describeLastFault } from '../download/fault.ts';
import type { Downloads } from '../download/queue.ts';
import { type Download, type DownloadRequest, type DownloadState, isAtRest } from '../download/request.ts';
import type { OfferedFile } from '../sources/offer.ts';

/** A published file downloads under the name of its digest, from its own URL first. */
export const downloadOf = (
  { url, mirrors, bytes, digest }: OfferedFile,
  directory: string,
  bytesMax: number,
): DownloadRequest => ({
  urls: [url, ...mirrors],
  isHeld: true,
  bytes,
  digest,
  bytesMax,
  directory,
  name: digest.hex,
});

/** Only the import that holds this path may download the file, or use it. */
export const heldBy = ({ directory, name }: Pick<DownloadRequest, 'directory' | 'name'>): string =>
  join(directory, name);

/** The options of a download, whose file others may need, too. */
export interface FetchTerms {
  readonly downloads: Downloads;
  readonly onDownload: (download: Download) => void;
  /** The bytes downloaded so far stay. */
  readonly signal?: AbortSignal | undefined;
  /** The configuration key of the mirror. */
  readonly mirrorKey?: string | undefined;
}

export interface ImportTerms {
  readonly tree: string;
  readonly downloads: Downloads;
  readonly nowMs: number;
  /** @param state of the download, with bytes and total of all files of the image */
  readonly onProgress: (download: Download, state: DownloadState) => void;
  /** Another Rackboot's store has checked the system; its bytes are stored unchanged. */
  readonly isCopy?: boolean | undefined;
  /** The bundle that brings it, without proof of origin; undefined: a source does. */
  readonly bundle?: string | undefined;
  /** The bytes downloaded so far stay. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Resolves when the file is verified. The caller holds it (`heldBy`); afterwards nobody writes the file.
 * @param name the import, for messages
 * @throws RackError `source-failed` if no attempt delivered the file, or `cancelled`
 */
export async function fetchFile(
  request: DownloadRequest,
  name: string,
  { downloads, onDownload, signal, mirrorKey }: FetchTerms,
): Promise<void> {
  const download = downloads.add(request);
  const stop = (): void => download.cancel();
  const { promise, resolve } = Promise.withResolvers<void>();
  const check = (): void => {
    onDownload(download);
    if (isAtRest(download.state)) resolve();
  };
  const unwatch = download.watch(check);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    if (signal?.aborted === true) stop();
    check();
    await promise;
  } finally {
    unwatch();
    signal?.removeEventListener('abort', stop);
  }
  const { state } = download;
  if (state.kind === 'done') return;
  // Otherwise a failed download would stay in the queue.
  download.cancel();
  // The caller may release it only then.
  await download.settled();
  if (state.kind !== 'failed') throw new RackError('cancelled', 'the import was stopped');
  const { reason } = state;
  const fault = reason.code === 'http-refused' ? { ...reason, params: { ...reason.params, mirrorKey } } : reason;
  const why = describeLastFault(fault, download);
  throw new RackError('source-failed', `${name} could not be downloaded: ${why}`, { cause: new AttemptFailure(fault) });
}
