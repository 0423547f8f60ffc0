// The state of one download, and those who watch it.

import type { Clock, Timer } from '../../clock.ts';
import type { DownloadState } from './request.ts';

/** How often watchers are notified of new bytes, in milliseconds; they are notified of other changes at once. */
const PROGRESS_MS = 100;

/** The state of one download. */
export class WatchedState {
  readonly #clock: Clock;
  readonly #watchers = new Set<() => void>();
  #current: DownloadState;
  #report: Timer | undefined;

  constructor(clock: Clock, first: DownloadState) {
    this.#clock = clock;
    this.#current = first;
  }

  get current(): DownloadState {
    return this.#current;
  }

  /** Changes the state, and notifies all watchers. */
  set(state: DownloadState): void {
    this.#current = state;
    this.#report?.cancel();
    this.#report = undefined;
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Sets the state within PROGRESS_MS, to what `make` then returns, unless it is set before. */
  setSoon(make: () => DownloadState): void {
    this.#report ??= this.#clock.schedule(PROGRESS_MS, () => this.set(make()));
  }

  /** Calls `listener` after each change. @returns a function that ends the calls */
  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => void this.#watchers.delete(listener);
  }
}
