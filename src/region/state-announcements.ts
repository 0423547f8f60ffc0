// Announces the desired state of a region: after a change by this process, and after one by
// another, for which it polls the store.
//
// 1. `onState` is called after a change, at most once in DESIRED_STATE_PAUSE_MS.
// 2. Changes by another process (the command line, or another of the region) are noticed when that
//    process announces them, at the latest after FOREIGN_CHANGE_MS.

import { type Clock, repeat } from '../ground/clock.ts';
import { reachesStore } from '../ground/errors.ts';
import type { DesiredState } from '../machines/machine.ts';

/** Changes within this time reach racks together. */
const DESIRED_STATE_PAUSE_MS = 20;
const FOREIGN_CHANGE_MS = 2000;
/**
 * The same where several processes share the store: racks hear of a change within a second,
 * whichever process made it.
 */
const SHARED_CHANGE_MS = 400;

interface AnnouncementOptions {
  readonly clock: Clock;
  /** True if several processes share the store. */
  readonly isShared: boolean;
  /** Reads the desired state, with all that is stored. */
  readonly state: () => Promise<DesiredState>;
  /** Counts the times when the store had another history: then the same version is another state. */
  readonly rewinds: () => number;
  readonly onState: (state: DesiredState) => void;
  /** Tells other processes of a change by this one. */
  readonly tellOthers: () => void;
  /** Reads what else other processes may have changed; done before the state is read. */
  readonly readOthers: () => Promise<void>;
  /** The other work of each poll. */
  readonly poll: () => Promise<void>;
}

/** Follows the changes of the desired state. */
export class StateAnnouncements {
  readonly #options: AnnouncementOptions;
  readonly #pollMs: number;
  /** The version of the desired state that was announced last. */
  #announced = -1;
  #rewinds = 0;
  readonly #listeners = new Set<(version: number) => void>();
  #announcement: { cancel(): void } | undefined;
  #hearing: { cancel(): void } | undefined;
  #watch: { cancel(): void } | undefined;
  #isClosed = false;

  constructor(options: AnnouncementOptions) {
    this.#options = options;
    this.#pollMs = options.isShared ? SHARED_CHANGE_MS : FOREIGN_CHANGE_MS;
  }

  /**
   * Begins to poll for changes by other processes. @param version the version that was read at the
   * start, which is not announced
   */
  begin(version: number): void {
    this.#announced = version;
    this.#watch = repeat(this.#options.clock, this.#pollMs, () =>
      this.#unlessUnavailable(async () => {
        await this.#lookAtOthers();
        await this.#options.poll();
      }),
    );
  }

  /** The version that was announced last. */
  get version(): number {
    return this.#announced;
  }

  /** Calls `listener` after each change, with the version. @returns unsubscribes */
  subscribe(listener: (version: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#announcement?.cancel();
    this.#hearing?.cancel();
    this.#watch?.cancel();
  }

  /** Announces the desired state soon, if it has changed. */
  announce(): void {
    if (this.#isClosed) return;
    this.#announcement ??= this.#options.clock.schedule(DESIRED_STATE_PAUSE_MS, () => {
      this.#announcement = undefined;
      this.#options.tellOthers();
      void this.#unlessUnavailable(() => this.#announceNow());
    });
  }

  /** Another process says that it has changed something. */
  heard(): void {
    if (this.#isClosed) return;
    this.#hearing ??= this.#options.clock.schedule(DESIRED_STATE_PAUSE_MS, () => {
      this.#hearing = undefined;
      void this.#unlessUnavailable(() => this.#lookAtOthers());
    });
  }

  async #lookAtOthers(): Promise<void> {
    await this.#options.readOthers();
    await this.#announceNow();
  }

  async #announceNow(): Promise<void> {
    const state = await this.#options.state();
    const rewinds = this.#options.rewinds();
    if (this.#isClosed || (state.version === this.#announced && rewinds === this.#rewinds)) return;
    this.#announced = state.version;
    this.#rewinds = rewinds;
    this.#options.onState(state);
    for (const listener of this.#listeners) listener(state.version);
  }

  /** Runs what is tried again later anyway: an unavailable store is not a failure of it. */
  async #unlessUnavailable(work: () => Promise<void>): Promise<void> {
    try {
      await reachesStore(work);
    } catch (error) {
      if (!this.#isClosed) throw error;
    }
  }
}
