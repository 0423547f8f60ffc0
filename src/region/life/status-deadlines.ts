// Adjusts the deadlines of states in progress when the wall clock is stepped. Deadlines are in wall time because they outlive the process;
// setting the clock must neither end a state early nor extend it.
//
// 1. A step is a change of wall time against monotonic time of STEP_MS_MIN or more; slewing moves both alike.
// 2. Callers run `follow` before they use wall time for a deadline, so that a deadline is never compared with another clock.
// 3. No deadline is later than a state's full time from now, even if it was set by a clock in another year.

import type { Clock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import { STATUSES, statusRow } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import type { RegionStore } from '../records/store.ts';

/** Smaller differences are measurement noise. */
const STEP_MS_MIN = 1000;
const MINUTE_MS = 60_000;
/** Machines read in one query. */
const CHUNK = 500;

const IN_PROGRESS = STATUSES.filter(({ timeoutMinutes }) => timeoutMinutes !== undefined).map(({ status }) => status);

/** Watches the wall clock for one region. */
export class StatusDeadlines {
  readonly #store: Pick<RegionStore, 'listMachines' | 'changeMachine'>;
  readonly #clock: Clock;
  /** Wall time minus monotonic time, as in the stored deadlines. */
  #offsetMs: number;
  /** True once the deadlines have been checked against the clock of this start. */
  #isBounded = false;
  /** The machines already adjusted for a step, if the store failed before all were. */
  readonly #done = new Set<string>();

  constructor(store: Pick<RegionStore, 'listMachines' | 'changeMachine'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#offsetMs = clock.wallTimeMs() - clock.now();
  }

  /**
   * Adjusts all deadlines if the clock was stepped since the last call.
   * @returns false while the store is unavailable; deadlines are meaningless until it returns true
   */
  follow(): boolean {
    const offsetMs = this.#clock.wallTimeMs() - this.#clock.now();
    // Instants have fractions of a millisecond; what is stored has none.
    const step = Math.round(offsetMs - this.#offsetMs);
    const byMs = Math.abs(step) < STEP_MS_MIN ? 0 : step;
    if (byMs === 0 && this.#isBounded) return true;
    try {
      this.#move(byMs);
    } catch (error) {
      if (error instanceof RackError && error.code === 'store-unavailable') return false;
      throw error;
    }
    this.#done.clear();
    this.#isBounded = true;
    if (byMs !== 0) this.#offsetMs = offsetMs;
    return true;
  }

  #move(byMs: number): void {
    const nowMs = this.#clock.wallTimeMs();
    let afterId = 0;
    for (;;) {
      const machines = this.#store.listMachines({ statuses: IN_PROGRESS }, afterId, CHUNK);
      for (const machine of machines) this.#moveOne(machine, byMs, nowMs);
      const last = machines.at(-1);
      if (last === undefined) return;
      afterId = last.id;
    }
  }

  #moveOne({ systemId, status, statusDeadlineMs: deadlineMs }: Machine, byMs: number, nowMs: number): void {
    const minutes = statusRow(status).timeoutMinutes;
    if (deadlineMs === undefined || minutes === undefined || this.#done.has(systemId)) return;
    const movedMs = Math.min(deadlineMs + byMs, nowMs + minutes * MINUTE_MS);
    if (movedMs !== deadlineMs) {
      const fields = { statusDeadlineMs: movedMs };
      this.#store.changeMachine<never>(systemId, nowMs, () => ({ kind: 'change', fields, events: [] }));
    }
    this.#done.add(systemId);
  }
}
