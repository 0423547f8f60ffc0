// Adjusts deadlines, which are in wall time because they outlive the process, when the wall clock is stepped.
//
// 1. A step is a change of STEP_MS_MIN or more between wall and monotonic time, which slewing moves alike.
// 2. Callers run `follow` before they use wall time for a deadline.
// 3. A deadline is never beyond the state's full time limit, even if a clock in another year set it.

import type { Clock } from '../../ground/clock.ts';
import { isStoreUnavailable } from '../../ground/errors.ts';
import type { RegionStore } from '../records/store.ts';

/** Smaller differences are measurement noise. */
const STEP_MS_MIN = 1000;

export class StatusDeadlines {
  readonly #store: Pick<RegionStore, 'shiftDeadlines'>;
  readonly #clock: Clock;
  readonly #isOnDuty: () => boolean;
  /** Wall minus monotonic time, as in the stored deadlines. */
  #offsetMs: number;
  #isBounded = false;

  /** @param isOnDuty returns false while another process adjusts the deadlines */
  constructor(store: Pick<RegionStore, 'shiftDeadlines'>, clock: Clock, isOnDuty = () => true) {
    this.#store = store;
    this.#isOnDuty = isOnDuty;
    this.#clock = clock;
    this.#offsetMs = clock.wallTimeMs() - clock.now();
  }

  /** @returns false while the store is unavailable; deadlines are meaningless until it returns true */
  async follow(): Promise<boolean> {
    const offsetMs = this.#clock.wallTimeMs() - this.#clock.now();
    if (!this.#isOnDuty()) {
      this.#offsetMs = offsetMs;
      return true;
    }
    // Instants have fractions of a millisecond, stored times have none.
    const step = Math.round(offsetMs - this.#offsetMs);
    const byMs = Math.abs(step) < STEP_MS_MIN ? 0 : step;
    if (byMs === 0 && this.#isBounded) return true;
    // First: a concurrent call must not adjust the deadlines for it again.
    this.#offsetMs += byMs;
    this.#isBounded = true;
    try {
      await this.#store.shiftDeadlines(byMs, this.#clock.wallTimeMs());
      return true;
    } catch (error) {
      this.#offsetMs -= byMs;
      this.#isBounded = false;
      if (isStoreUnavailable(error)) return false;
      throw error;
    }
  }
}
