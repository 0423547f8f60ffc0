// The progress of an import of several files as one.

import type { DownloadState } from '../download/request.ts';

export class FilesProgress {
  readonly #total: number | undefined;
  readonly #files: number | undefined;
  readonly #totals = new Map<string, number>();
  /** The bytes that are here, by file name. */
  readonly #bytes = new Map<string, number>();

  /**
   * @param total of all files; undefined: unknown
   * @param files makes an unknown total the sum that all servers say
   */
  constructor(total: number | undefined, files?: number) {
    this.#total = total;
    this.#files = files;
  }

  /** Counts the bytes of a file that is here already. */
  present(name: string, bytes: number): void {
    this.#bytes.set(name, bytes);
  }

  /** The state of a download, with the bytes and the total of all files. */
  stateOf(name: string, state: DownloadState): DownloadState {
    if (state.kind !== 'downloading' && state.kind !== 'verifying' && state.kind !== 'done') return state;
    this.#bytes.set(name, state.bytes);
    const own = state.kind === 'done' ? state.bytes : state.total;
    if (own !== undefined) this.#totals.set(name, own);
    const bytes = [...this.#bytes.values()].reduce((sum, each) => sum + each, 0);
    // The sum is known only now, and work follows.
    if (state.kind === 'done' && this.#files !== undefined) return { kind: 'verifying', bytes, total: this.#sum() };
    return state.kind === 'done' ? { ...state, bytes } : { ...state, bytes, total: this.#total ?? this.#sum() };
  }

  #sum(): number | undefined {
    if (this.#totals.size !== this.#files) return undefined;
    return [...this.#totals.values()].reduce((sum, each) => sum + each, 0);
  }
}
