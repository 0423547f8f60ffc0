// The progress of an import of several files as one.

import type { DownloadState } from '../download/request.ts';

export class FilesProgress {
  readonly #total: number | undefined;
  /** The bytes of each file that are here, by its name. */
  readonly #bytes = new Map<string, number>();

  /** @param total the bytes of all files; undefined: unknown */
  constructor(total: number | undefined) {
    this.#total = total;
  }

  /** Counts the bytes of a file that is here already. */
  present(name: string, bytes: number): void {
    this.#bytes.set(name, bytes);
  }

  /** The state of the download of one file, with the bytes and the total of all files. */
  stateOf(name: string, state: DownloadState): DownloadState {
    if (state.kind !== 'downloading' && state.kind !== 'verifying' && state.kind !== 'done') return state;
    this.#bytes.set(name, state.bytes);
    const bytes = [...this.#bytes.values()].reduce((sum, each) => sum + each, 0);
    return state.kind === 'done' ? { ...state, bytes } : { ...state, bytes, total: this.#total };
  }
}
