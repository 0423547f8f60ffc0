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
  /** True: it is an image of another store, where it was judged. It stays in its form. */
  readonly isCopy?: boolean | undefined;
  /** Stops the import; the part stays. */
  readonly signal?: AbortSignal | undefined;
}
