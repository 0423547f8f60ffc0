// When the log of `leases.db` is folded: bringing the table by address up to date costs as much as the writing did, and nobody waits for
// it.
//
//   afterWrite ─▶ (nothing written for FOLD_IDLE_MS) ─▶ step ─▶ step ─▶ … nothing left
//        └─ more than `backlogMax` records wait: as many as came are folded at once
//   nothing left but what the rack loop may not have heard of ─▶ onUnheard ┄ heard ─▶ step …
//
// 1. Under load nothing is folded until `backlogMax`; beyond it the log does not grow, whatever the load.
// 2. Between two steps of an idle time a turn passes: a batch that came meanwhile goes first.
// 3. A step that failed is tried again after FOLD_RETRY_MS; nothing is lost by it.
// 4. Only what the rack loop has heard to be durable is folded. The rest it takes back if this thread dies now, and what is folded
//    cannot be taken out of the file again.

import { type Clock, type Instant, later, type Timer } from '../clock.ts';
import { FOLD_RECORDS_MAX, type LeaseDatabase } from './lease-database.ts';

/** How long nobody must have written before the log is folded, in milliseconds. */
export const FOLD_IDLE_MS = 100;
/** After a step that failed nothing is folded for this long, in milliseconds. */
export const FOLD_RETRY_MS = 5000;

export interface LeaseFolderOptions {
  readonly database: Pick<LeaseDatabase, 'fold' | 'unfolded' | 'lastSequence'>;
  readonly clock: Pick<Clock, 'now' | 'schedule'>;
  /** Records that may wait in the log while there is something else to do. */
  readonly backlogMax: number;
  readonly onFailed: (error: unknown) => void;
  /** Nothing is left to fold but what may not have been heard of: `heard` is to be called with what was. */
  readonly onUnheard: () => void;
}

export class LeaseFolder {
  readonly #options: LeaseFolderOptions;
  #timer: Timer | undefined;
  #wroteAt: Instant | undefined;
  #restUntil: Instant | undefined;
  /** The last sequence of which the rack loop has heard that it is durable. */
  #heard: number;

  /** What the database holds by now is taken to be heard of. */
  constructor(options: LeaseFolderOptions) {
    this.#options = options;
    this.#heard = options.database.lastSequence;
  }

  /** The rack loop has heard that everything up to `sequence` is durable. */
  heard(sequence: number): void {
    if (sequence <= this.#heard) return;
    this.#heard = sequence;
    if (this.#wroteAt !== undefined) this.#timer ??= this.#wait(0);
  }

  /** To be called after each write. @param written how many records it brought */
  afterWrite(written: number): void {
    const { database, clock, backlogMax } = this.#options;
    const now = clock.now();
    this.#wroteAt = now;
    if (database.unfolded > backlogMax && !this.#rests(now)) {
      for (let left = written; left > 0; left -= FOLD_RECORDS_MAX) if (!this.#step()) break;
    }
    // One timer for many writes: it looks how long ago the last one was.
    this.#timer ??= this.#wait(FOLD_IDLE_MS);
  }

  /** Folds no more. */
  stop(): void {
    this.#timer?.cancel();
  }

  #wait(delayMs: number): Timer {
    return this.#options.clock.schedule(delayMs, () => {
      this.#timer = undefined;
      const next = this.#onTime();
      this.#timer ??= next;
    });
  }

  /** @returns the timer that goes on; undefined: there is nothing to do until the next write */
  #onTime(): Timer | undefined {
    const now = this.#options.clock.now();
    if (this.#rests(now)) return this.#wait(FOLD_RETRY_MS);
    const idleMs = this.#wroteAt === undefined ? FOLD_IDLE_MS : now - this.#wroteAt;
    if (idleMs < FOLD_IDLE_MS) return this.#wait(FOLD_IDLE_MS - idleMs);
    if (this.#step()) return this.#wait(0);
    if (this.#rests(now)) return this.#wait(FOLD_RETRY_MS);
    if (this.#options.database.lastSequence > this.#heard) this.#options.onUnheard();
    return undefined;
  }

  #rests(now: Instant): boolean {
    return this.#restUntil !== undefined && now < this.#restUntil;
  }

  /** @returns whether to go on at once */
  #step(): boolean {
    const { database, clock, onFailed } = this.#options;
    try {
      return database.fold(this.#heard);
    } catch (error) {
      this.#restUntil = later(clock.now(), FOLD_RETRY_MS);
      onFailed(error);
      return false;
    }
  }
}
