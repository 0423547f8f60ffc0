// The options of an import of an image.

import type { Downloads } from '../download/queue.ts';
import type { Download, DownloadState } from '../download/request.ts';

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
