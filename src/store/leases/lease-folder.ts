// Decides when to fold the log of `leases.db`. No client waits for it, and the more records at
// once, the less each costs.
//
//   afterWrite ─▶ (no write for FOLD_IDLE_MS, and FOLD_IDLE_RECORDS_MIN unfolded) ─▶ step ─▶ step ─▶ … nothing left
//        └─ more than `backlogMax` unfolded: as many steps as keep the log from growing
//
// 1. Under load nothing is folded until `backlogMax`. Beyond it the log does not grow.
// 2. Idle steps run in separate turns of the event loop, so a batch that arrives in between goes first.
// 3. A failed step is tried again after FOLD_RETRY_MS.
// 4. Only records that the rack loop knows to be durable are folded: it takes back the rest if this
//    thread dies, and a folded record cannot be removed.

import { type Clock, type Instant, later, type Timer } from '../../ground/clock.ts';
import { type LeaseDatabase, LOG_HISTORY_MAX } from './lease-database.ts';

/** How long the journal is idle before the log is folded, in milliseconds. */
export const FOLD_IDLE_MS = 100;
/** Fewer unfolded records stay in the log, which keeps as many folded ones anyway. */
export const FOLD_IDLE_RECORDS_MIN = LOG_HISTORY_MAX;
/** Records written beyond `backlogMax` per step, which folds more. */
const RECORDS_PER_STEP = 32;
/** When a failed fold is tried again, in milliseconds. */
export const FOLD_RETRY_MS = 5000;

interface LeaseFolderOptions {
  readonly database: Pick<LeaseDatabase, 'fold' | 'unfoldedCount' | 'lastSequence'>;
  readonly clock: Pick<Clock, 'now' | 'schedule'>;
  /** Unfolded records that may stay in the log under load. */
  readonly backlogMax: number;
  readonly onFailed: (error: unknown) => void;
}

export class LeaseFolder {
  readonly #options: LeaseFolderOptions;
  #timer: Timer | undefined;
  #lastWriteAt: Instant | undefined;
  #pausedUntil: Instant | undefined;
  /** Records written beyond `backlogMax`, and no step has run for them yet. */
  #dueRecords = 0;
  #isFolding = false;
  /** The last sequence that the rack loop knows to be durable. */
  #acknowledgedSequence: number;

  /** The rack loop knows of everything in the database. */
  constructor(options: LeaseFolderOptions) {
    this.#options = options;
    this.#acknowledgedSequence = options.database.lastSequence;
  }

  acknowledge(sequence: number): void {
    this.#acknowledgedSequence = sequence;
  }

  afterWrite(written: number): void {
    const { database, clock, backlogMax } = this.#options;
    const now = clock.now();
    this.#lastWriteAt = now;
    this.#dueRecords = database.unfoldedCount > backlogMax && !this.#isPaused(now) ? this.#dueRecords + written : 0;
    for (; this.#dueRecords >= RECORDS_PER_STEP; this.#dueRecords -= RECORDS_PER_STEP)
      if (!this.#step()) this.#dueRecords = 0;
    // One timer serves many writes.
    this.#timer ??= this.#scheduleTimer(FOLD_IDLE_MS);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #scheduleTimer(delayMs: number): Timer {
    return this.#options.clock.schedule(delayMs, () => {
      this.#timer = undefined;
      const nextTimer = this.#handleTimer();
      this.#timer ??= nextTimer;
    });
  }

  #handleTimer(): Timer | undefined {
    const now = this.#options.clock.now();
    if (this.#isPaused(now)) return this.#scheduleTimer(FOLD_RETRY_MS);
    const idleMs = this.#lastWriteAt === undefined ? FOLD_IDLE_MS : now - this.#lastWriteAt;
    if (idleMs < FOLD_IDLE_MS) return this.#scheduleTimer(FOLD_IDLE_MS - idleMs);
    if (!this.#isFolding && this.#options.database.unfoldedCount < FOLD_IDLE_RECORDS_MIN) return undefined;
    this.#isFolding = this.#step();
    if (this.#isFolding) return this.#scheduleTimer(0);
    return this.#isPaused(now) ? this.#scheduleTimer(FOLD_RETRY_MS) : undefined;
  }

  #isPaused(now: Instant): boolean {
    return this.#pausedUntil !== undefined && now < this.#pausedUntil;
  }

  #step(): boolean {
    const { database, clock, onFailed } = this.#options;
    try {
      return database.fold(this.#acknowledgedSequence);
    } catch (error) {
      this.#pausedUntil = later(clock.now(), FOLD_RETRY_MS);
      onFailed(error);
      return false;
    }
  }
}
