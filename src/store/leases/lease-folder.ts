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
  readonly database: Pick<LeaseDatabase, 'fold' | 'unfolded' | 'lastSequence'>;
  readonly clock: Pick<Clock, 'now' | 'schedule'>;
  /** Unfolded records that may stay in the log under load. */
  readonly backlogMax: number;
  readonly onFailed: (error: unknown) => void;
}

export class LeaseFolder {
  readonly #options: LeaseFolderOptions;
  #timer: Timer | undefined;
  #wroteAt: Instant | undefined;
  #restUntil: Instant | undefined;
  /** Records written beyond `backlogMax`, and no step has run for them yet. */
  #due = 0;
  #isFolding = false;
  /** The last sequence that the rack loop knows to be durable. */
  #acknowledged: number;

  /** The rack loop knows of everything in the database. */
  constructor(options: LeaseFolderOptions) {
    this.#options = options;
    this.#acknowledged = options.database.lastSequence;
  }

  acknowledge(sequence: number): void {
    this.#acknowledged = sequence;
  }

  afterWrite(written: number): void {
    const { database, clock, backlogMax } = this.#options;
    const now = clock.now();
    this.#wroteAt = now;
    this.#due = database.unfolded > backlogMax && !this.#rests(now) ? this.#due + written : 0;
    for (; this.#due >= RECORDS_PER_STEP; this.#due -= RECORDS_PER_STEP) if (!this.#step()) this.#due = 0;
    // One timer serves many writes.
    this.#timer ??= this.#wait(FOLD_IDLE_MS);
  }

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

  #step(): boolean {
    const { database, clock, onFailed } = this.#options;
    try {
      return database.fold(this.#acknowledged);
    } catch (error) {
      this.#restUntil = later(clock.now(), FOLD_RETRY_MS);
      onFailed(error);
      return false;
    }
  }
}
