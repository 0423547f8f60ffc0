// The common parts of the downloads of an import.

import { join } from 'node:path';
import type { Downloads } from '../download/queue.ts';
import type { DownloadRequest, OnState } from '../download/request.ts';
import type { OfferedFile } from '../sources/offer.ts';

/**
 * A published file downloads under the name of its digest, from its own URL first.
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

/** The path to lock: only the import that holds it may download the file, or use it. */
export const heldBy = ({ directory, name }: Pick<DownloadRequest, 'directory' | 'name'>): string =>
  join(directory, name);

/** The options of a download, whose file others may need, too. */
export interface FetchOptions {
  readonly downloads: Downloads;
  readonly onState?: OnState | undefined;
  /** The bytes downloaded so far stay. */
  readonly signal?: AbortSignal | undefined;
}

/** The bytes and total of its states are those of all files of the image. */
export interface ImportOptions extends FetchOptions {
  readonly tree: string;
  readonly nowMs: number;
  /** Another Rackboot's store has checked the system; its bytes are stored unchanged. */
  readonly isCopy?: boolean | undefined;
  /** The bundle that brings it, without proof of origin; undefined: a source does. */
  readonly bundle?: string | undefined;
}
