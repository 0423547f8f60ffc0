// Lets one of a region's processes do the work that must happen once: power commands, the ends of
// overdue states, notices of silent racks.
//
//   every HOLD_EVERY_MS: take or keep the duties ─┬─ taken: onTaken
//                                                 ├─ another process has taken them from this one: onLost
//                                                 └─ every change of their holder, here or elsewhere: onHolder
//
// House words: the duties are that work and the right to do it. A process that loses them stands
// back and serves requests as before. Its successor settles unfinished power commands: it waits
// until no step of the former holder can be under way. A sweep goes over all machines at intervals,
// for work that no event caused.
//
// 1. The store decides, by its own clock. While it cannot be asked, the duties keep their holder:
//    no command begins without the store, and one under way waits before its next step (`areSure`).
// 2. Wall time is the store's, so that the processes of several hosts agree on deadlines.

import { type Clock, pause, type Timer } from '../ground/clock.ts';
import { reachesStore } from '../ground/errors.ts';
import type { DutyHolder, DutyStore } from '../region/records/duty-store.ts';

/** The renewal interval, and how long duties last without renewal, in milliseconds. */
const HOLD_EVERY_MS = 1000;
const HELD_MS = 6000;
/**
 * Safety margin before the end of a term, in milliseconds: from then on this process starts no
 * step. A step may need this time to reach a controller.
 */
const STEP_MS_MAX = 2000;
const SURE_EVERY_MS = 200;
/**
 * The longest time for an answer with the store's time, in milliseconds. A slower answer sets the
 * clock only if it proves the clock wrong.
 */
const TIME_ANSWER_MS_MAX = 200;

export interface DutiesDeps {
  readonly store: DutyStore;
  readonly clock: Clock;
  readonly onTaken: () => void;
  /** Called when another process has taken the duties from this one, which ends that work. */
  readonly onLost: () => void;
  /**
   * Called when the duties have another holder than before, or their first holder is known.
   * `fromHere`: this process had them.
   */
  readonly onHolder?: ((holder: DutyHolder, fromHere: boolean) => void) | undefined;
}

export class Duties {
  readonly #deps: DutiesDeps;
  #holder: DutyHolder | undefined;
  #timer: Timer | undefined;
  #asking: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  /** The time until which no other process can have taken the duties. */
  #heldUntil = 0;
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

  /** Waits until no other process can have the duties. @returns false if one has, or `signal` aborted */
  async areSure(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#deps;
    while (!signal.aborted && this.areHeld && !this.#isClosed) {
      if (clock.now() + STEP_MS_MAX < this.#heldUntil) return true;
      await pause(clock, SURE_EVERY_MS);
    }
    return false;
  }

  /** Asks the store's time. @throws RackError `store-unavailable` */
  async readTime(): Promise<void> {
    const { clock, store } = this.#deps;
    const askedAt = clock.now();
    const timeMs = await store.timeMs();
    const answeredAt = clock.now();
    // The store read its clock between the two.
    const [least, most] = [timeMs - answeredAt, timeMs - askedAt];
    const isPossible = least <= this.#offsetMs && this.#offsetMs <= most;
    if (!isPossible || answeredAt - askedAt <= TIME_ANSWER_MS_MAX) this.#offsetMs = (least + most) / 2;
  }

  begin(): void {
    this.#asking = this.#ask().finally(() => {
      if (this.#isClosed) return;
      this.#timer = this.#deps.clock.schedule(HOLD_EVERY_MS, () => this.begin());
    });
  }

  /** Gives the duties back, so that another process takes them at once. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#asking;
    if (this.areHeld) await reachesStore(() => this.#deps.store.leave());
  }

  #become(holder: DutyHolder): void {
    const { onTaken, onLost, onHolder } = this.#deps;
    const before = this.#holder;
    this.#holder = holder;
    if (holder.isHere !== before?.isHere || holder.name !== before.name) onHolder?.(holder, before?.isHere === true);
    if (holder.isHere && before?.isHere !== true) onTaken();
    if (!holder.isHere && before?.isHere === true) onLost();
  }

  #ask(): Promise<unknown> {
    return reachesStore(async () => {
      // The store's term began later than this.
      const askedAt = this.#deps.clock.now();
      const holder = await this.#deps.store.hold(HELD_MS);
      if (this.#isClosed) return;
      if (holder.isHere) this.#heldUntil = askedAt + HELD_MS;
      this.#become(holder);
      await this.readTime();
    });
  }
}
