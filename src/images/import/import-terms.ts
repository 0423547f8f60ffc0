// The options of an import of an image.

import type { Downloads } from '../download/queue.ts';
import type { Download } from '../download/request.ts';

/** The options of an import. */
export interface ImportTerms {
  /** The boot tree. */
  readonly tree: string;
  readonly downloads: Downloads;
  /** Wall time. */
  readonly nowMs: number;
  /** Called after each change of the download. */
  readonly onProgress: (download: Download) => void;
  /** True for a copy from another Rackboot's store: its system was checked there, and its bytes are stored unchanged. */
  readonly isCopy?: boolean | undefined;
  /** Stops the import; the bytes downloaded so far stay. */
  readonly signal?: AbortSignal | undefined;
}
