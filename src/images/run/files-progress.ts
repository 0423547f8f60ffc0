// The progress of an import of several files as one.

import type { DownloadState } from '../download/request.ts';

export class FilesProgress {
  readonly #total: number | undefined;
  readonly #files: number | undefined;
  readonly #totals = new Map<string, number>();
  /** The bytes of each file that have arrived, by file name. */
  readonly #bytes = new Map<string, number>();

  /**
   * @param total size of all files. Undefined if unknown
   * @param files the number of files. If given, an unknown total becomes the sum of the sizes that
   * the servers state, once all are known
   */
  constructor(total: number | undefined, files?: number) {
    this.#total = total;
    this.#files = files;
  }

  /** Counts the bytes of a file that has already arrived. */
  addPresent(name: string, bytes: number): void {
    this.#bytes.set(name, bytes);
  }

  /** Counts the state of a download. @returns the state with the bytes and the total of all files */
  updateState(name: string, state: DownloadState): DownloadState {
    if (state.kind !== 'downloading' && state.kind !== 'verifying' && state.kind !== 'done') return state;
    this.#bytes.set(name, state.bytes);
    const fileTotal = state.kind === 'done' ? state.bytes : state.total;
    if (fileTotal !== undefined) this.#totals.set(name, fileTotal);
    const bytes = [...this.#bytes.values()].reduce((sum, fileBytes) => sum + fileBytes, 0);
    // The end of one file is not the end of the import, so it is shown as `verifying`.
    if (state.kind === 'done' && this.#files !== undefined)
      return { kind: 'verifying', bytes, total: this.#sumTotals() };
    return state.kind === 'done' ? { ...state, bytes } : { ...state, bytes, total: this.#total ?? this.#sumTotals() };
  }

  #sumTotals(): number | undefined {
    if (this.#totals.size !== this.#files) return undefined;
    return [...this.#totals.values()].reduce((sum, fileTotal) => sum + fileTotal, 0);
  }
}
