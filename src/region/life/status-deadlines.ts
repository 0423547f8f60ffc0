// The ends of states in progress, kept in wall time because they outlive the process, and moved along when the wall clock is stepped:
// an administrator or a time server that sets the clock ends no state early and gives none more than its time.
//
// 1. A step is a change of wall time against monotonic time of STEP_MS_MIN or more; slewing moves both alike.
// 2. Whoever uses wall time for a deadline calls `follow` first, so that no deadline of one clock is compared with the other.
// 3. No state is given more than its whole time from now: also not by a clock that was in another year when it was set.

import type { Clock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import { STATUSES, statusRow } from '../records/lifecycle.ts';
import type { Machine } from '../records/machine.ts';
import type { RegionStore } from '../records/store.ts';

/** A smaller difference is measuring, not a step. */
const STEP_MS_MIN = 1000;
const MINUTE_MS = 60_000;
/** Machines looked at in one query. */
const CHUNK = 500;

const IN_PROGRESS = STATUSES.filter(({ timeoutMinutes }) => timeoutMinutes !== undefined).map(({ status }) => status);

/** Watches the wall clock for one region. */
export class StatusDeadlines {
  readonly #store: Pick<RegionStore, 'listMachines' | 'changeMachine'>;
  readonly #clock: Clock;
  /** Wall time less monotonic time, as the stored deadlines have it. */
  #offsetMs: number;
  /** Deadlines have been held against the clock of this start. */
  #isBounded = false;
  /** Machines that are done, of a step that the store did not take whole. */
  readonly #done = new Set<string>();

  constructor(store: Pick<RegionStore, 'listMachines' | 'changeMachine'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#offsetMs = clock.wallTimeMs() - clock.now();
  }

  /**
   * Moves what is in progress when the clock was stepped since the last call.
   * @returns false while the store cannot take it: until then no deadline tells anything
   */
  follow(): boolean {
    const offsetMs = this.#clock.wallTimeMs() - this.#clock.now();
    const step = offsetMs - this.#offsetMs;
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
