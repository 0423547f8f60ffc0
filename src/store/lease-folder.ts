// When the log of `leases.db` is folded: bringing the blocks by address up to date costs time, nobody waits for it, and it costs the less a
// record the more of them it takes at once.
//
//   afterWrite ─▶ (nothing written for FOLD_IDLE_MS, and FOLD_IDLE_RECORDS_MIN wait) ─▶ step ─▶ step ─▶ … nothing left
//        └─ more than `backlogMax` records wait: as many steps as keep the log from growing
//
// 1. Under load nothing is folded until `backlogMax`; beyond it the log does not grow, whatever the load.
// 2. Between two steps of an idle time a turn passes: a batch that came meanwhile goes first.
// 3. A step that failed is tried again after FOLD_RETRY_MS; nothing is lost by it.
// 4. Only what the rack loop has heard to be durable is folded. The rest, a batch at the most, it takes back if this thread dies now, and
//    what is folded cannot be taken out of the file again.

import { type Clock, type Instant, later, type Timer } from '../clock.ts';
import { type LeaseDatabase, LOG_HISTORY_MAX } from './lease-database.ts';

/** How long nobody must have written before the log is folded, in milliseconds. */
export const FOLD_IDLE_MS = 100;
/** With fewer the log is left as it is: as many stay in it folded, and a start reads them in no time. */
export const FOLD_IDLE_RECORDS_MIN = LOG_HISTORY_MAX;
/** Beyond `backlogMax` there is a step for so many records written: a step writes more, be each in a block of its own. */
const RECORDS_PER_STEP = 32;
/** After a step that failed nothing is folded for this long, in milliseconds. */
export const FOLD_RETRY_MS = 5000;

export interface LeaseFolderOptions {
  readonly database: Pick<LeaseDatabase, 'fold' | 'unfolded' | 'lastSequence'>;
  readonly clock: Pick<Clock, 'now' | 'schedule'>;
  /** Records that may wait in the log while there is something else to do. */
  readonly backlogMax: number;
  readonly onFailed: (error: unknown) => void;
}

export class LeaseFolder {
  readonly #options: LeaseFolderOptions;
  #timer: Timer | undefined;
  #wroteAt: Instant | undefined;
  #restUntil: Instant | undefined;
  /** Records written beyond `backlogMax` for which no step was done yet. */
  #due = 0;
  /** Whether an idle time has something left to do. */
  #isFolding = false;
  /** The last sequence of which the rack loop has heard that it is durable. */
  #heard: number;

  /** What the database holds by now is taken to be heard of. */
  constructor(options: LeaseFolderOptions) {
    this.#options = options;
    this.#heard = options.database.lastSequence;
  }

  /** The rack loop has heard that everything up to `sequence` is durable. */
  heard(sequence: number): void {
    this.#heard = sequence;
  }

  /** To be called after each write. @param written how many records it brought */
  afterWrite(written: number): void {
    const { database, clock, backlogMax } = this.#options;
    const now = clock.now();
    this.#wroteAt = now;
    this.#due = database.unfolded > backlogMax && !this.#rests(now) ? this.#due + written : 0;
    for (; this.#due >= RECORDS_PER_STEP; this.#due -= RECORDS_PER_STEP) if (!this.#step()) this.#due = 0;
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
    if (!this.#isFolding && this.#options.database.unfolded < FOLD_IDLE_RECORDS_MIN) return undefined;
    this.#isFolding = this.#step();
    if (this.#isFolding) return this.#wait(0);
    return this.#rests(now) ? this.#wait(FOLD_RETRY_MS) : undefined;
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
