// Lets one of a region's processes do the work that must be done by one process only: power
// commands, ending overdue states, notices of silent racks.
//
//   every RENEWAL_MS: take or keep the duties ─┬─ taken: onTaken
//                                                 ├─ another process has taken them from this one: onLost
//                                                 └─ every change of their holder, here or elsewhere: onHolder
//
// House words: the duties are that work and the right to do it. A process that loses them stops
// that work, and serves requests as before. The next holder first waits until no step of the former
// holder can still be under way, then ends unfinished power commands. A sweep checks all machines
// at intervals, for work that no event caused.
//
// 1. The store decides, by its own clock. While it is unavailable, the duties keep their holder.
//    That is safe: no command begins without the store, and a command under way waits before its
//    next step (`areSure`).
// 2. Wall time is the store's, so that the processes of several hosts agree on deadlines.

import { type Clock, pause, type Timer } from '../ground/clock.ts';
import { reachesStore } from '../ground/errors.ts';
import type { DutyHolder, DutyStore } from '../region/records/duty-store.ts';

/** The interval at which the duties are renewed, and how long they last without renewal, in milliseconds. */
const RENEWAL_MS = 1000;
const TERM_MS = 6000;
/**
 * Safety margin before the end of a term, in milliseconds. Within the margin this process starts no
 * step, because a step may need this time to reach a controller.
 */
const STEP_MS_MAX = 2000;
const RECHECK_MS = 200;
/**
 * The longest time for an answer with the store's time, in milliseconds. A slower answer sets the
 * clock only if it proves the clock wrong.
 */
const TIME_ANSWER_MS_MAX = 200;

export interface DutiesDeps {
  readonly store: DutyStore;
  readonly clock: Clock;
  readonly onTaken: () => void;
  /** Called when another process has taken the duties from this one. This process then ends the work. */
  readonly onLost: () => void;
  /**
   * Called when the holder of the duties has changed, or the first holder is known. `fromHere` is
   * true if this process had the duties.
   */
  readonly onHolder?: ((holder: DutyHolder, fromHere: boolean) => void) | undefined;
}

export class Duties {
  readonly #deps: DutiesDeps;
  #holder: DutyHolder | undefined;
  #timer: Timer | undefined;
  #pendingRenewal: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  /** The time until which no other process can take the duties. */
  #safeUntil = 0;
  /** The store's wall time minus the time of this process. */
  #offsetMs: number;

  constructor(deps: DutiesDeps) {
    this.#deps = deps;
    this.#offsetMs = deps.clock.wallTimeMs() - deps.clock.now();
  }

  get areHeld(): boolean {
    return this.#holder?.isHere === true;
  }

  get holder(): DutyHolder | undefined {
    return this.#holder;
  }

  /** The clock of this process with the store's wall time. */
  get clock(): Clock {
    const { clock } = this.#deps;
    return {
      now: () => clock.now(),
      wallTimeMs: () => Math.round(clock.now() + this.#offsetMs),
      schedule: (delayMs, action) => clock.schedule(delayMs, action),
      randomBytes: (count) => clock.randomBytes(count),
    };
  }

  /**
   * Waits until no other process can have the duties. @returns false if another process has them,
   * or `signal` aborted
   */
  async areSure(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#deps;
    while (!signal.aborted && this.areHeld && !this.#isClosed) {
      if (clock.now() + STEP_MS_MAX < this.#safeUntil) return true;
      await pause(clock, RECHECK_MS);
    }
    return false;
  }

  /** Reads the store's time. @throws RackError `store-unavailable` */
  async readTime(): Promise<void> {
    const { clock, store } = this.#deps;
    const sentAt = clock.now();
    const timeMs = await store.timeMs();
    const answeredAt = clock.now();
    // The store read its clock between these two times.
    const [smallestOffsetMs, largestOffsetMs] = [timeMs - answeredAt, timeMs - sentAt];
    const isConsistent = smallestOffsetMs <= this.#offsetMs && this.#offsetMs <= largestOffsetMs;
    if (!isConsistent || answeredAt - sentAt <= TIME_ANSWER_MS_MAX)
      this.#offsetMs = (smallestOffsetMs + largestOffsetMs) / 2;
  }

  begin(): void {
    this.#pendingRenewal = this.#renew().finally(() => {
      if (this.#isClosed) return;
      this.#timer = this.#deps.clock.schedule(RENEWAL_MS, () => this.begin());
    });
  }

  /** Gives the duties back, so that another process can take them at once. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#pendingRenewal;
    if (this.areHeld) await reachesStore(() => this.#deps.store.leave());
  }

  #setHolder(holder: DutyHolder): void {
    const { onTaken, onLost, onHolder } = this.#deps;
    const previous = this.#holder;
    this.#holder = holder;
    if (holder.isHere !== previous?.isHere || holder.name !== previous.name)
      onHolder?.(holder, previous?.isHere === true);
    if (holder.isHere && previous?.isHere !== true) onTaken();
    if (!holder.isHere && previous?.isHere === true) onLost();
  }

  #renew(): Promise<unknown> {
    return reachesStore(async () => {
      // The term that the store grants begins later than this time.
      const sentAt = this.#deps.clock.now();
      const holder = await this.#deps.store.hold(TERM_MS);
      if (this.#isClosed) return;
      if (holder.isHere) this.#safeUntil = sentAt + TERM_MS;
      this.#setHolder(holder);
      await this.readTime();
    });
  }
}
