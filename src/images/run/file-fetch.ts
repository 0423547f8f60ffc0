// The common parts of the downloads of an import.

import { join } from 'node:path';
import type { Downloads } from '../download/queue.ts';
import type { DownloadRequest, OnState } from '../download/request.ts';
import type { OfferedFile } from '../sources/offer.ts';

/**
 * Builds the download of a published file. It is stored under the name of its digest, and fetched
 * from its own URL first.
 * @param title the import, for errors
 */
export const buildDownload = (
  { url, mirrors, bytes, digest }: OfferedFile,
  title: string,
  directory: string,
  bytesMax: number,
): DownloadRequest => ({
  title,
  urls: [url, ...mirrors],
  isHeld: true,
  bytes,
  digest,
  bytesMax,
  directory,
  name: digest.hex,
});

/** Returns the path to lock. Only the import that holds it may download the file, or use it. */
export const getLockPath = ({ directory, name }: Pick<DownloadRequest, 'directory' | 'name'>): string =>
  join(directory, name);

/** The options of a download. Other imports may need the same file. */
export interface FetchOptions {
  readonly downloads: Downloads;
  readonly onState?: OnState | undefined;
  /** Stops the download. The bytes downloaded so far stay. */
  readonly signal?: AbortSignal | undefined;
}

/** The options of an import. In its states, `bytes` and `total` count all files of the image. */
export interface ImportOptions extends FetchOptions {
  readonly tree: string;
  readonly nowMs: number;
  /** True if another Rackboot's store has already checked the system. Its bytes are then stored unchanged. */
  readonly isCopy?: boolean | undefined;
  /** The bundle that brings the image, without proof of origin. Undefined if a source delivers it. */
  readonly bundle?: string | undefined;
}
