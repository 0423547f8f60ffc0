// Downloads one file of an import, and waits until it is complete.

import { join } from 'node:path';
import { RackError } from '../../errors.ts';
import { AttemptFailure, describeLastFault } from '../download/fault.ts';
import type { Downloads } from '../download/queue.ts';
import { type Download, type DownloadRequest, type DownloadState, isAtRest } from '../download/request.ts';
import type { OfferedFile } from '../sources/offer.ts';

/** The download of a published file under the name of its digest. Its own URL comes before those of other sites. */
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

/** The path of a downloaded file: only the import that holds it may download the file, or use what was downloaded. */
export const heldBy = ({ directory, name }: Pick<DownloadRequest, 'directory' | 'name'>): string =>
  join(directory, name);

/** The options of a download, whose file others may need, too. */
export interface FetchTerms {
  readonly downloads: Downloads;
  /** Called after each change of the download. */
  readonly onDownload: (download: Download) => void;
  /** Stops the download; the bytes downloaded so far stay. */
  readonly signal?: AbortSignal | undefined;
  /** The key of the configuration that chooses another mirror; undefined: none does. */
  readonly mirrorKey?: string | undefined;
}

/** The options of an import. */
export interface ImportTerms {
  /** The boot tree. */
  readonly tree: string;
  readonly downloads: Downloads;
  /** Wall time. */
  readonly nowMs: number;
  /** Called after each change of a download. @param state that of the download, with the bytes and the total of all files of the image */
  readonly onProgress: (download: Download, state: DownloadState) => void;
  /** True for a copy from another Rackboot's store: its system was checked there, and its bytes are stored unchanged. */
  readonly isCopy?: boolean | undefined;
  /** The name of the bundle that brings it, without proof of its origin; undefined: it comes from a source. */
  readonly bundle?: string | undefined;
  /** Stops the import; the bytes downloaded so far stay. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Resolves when the file is complete and verified. The caller holds it (`heldBy`); when this is settled, nobody writes the file.
 * @param name the name of the import in error messages
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
