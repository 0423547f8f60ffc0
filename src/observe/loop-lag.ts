// Measures the lag of the event loop: how late a timer due every LAG_PERIOD_MS fires. A reply to a
// machine is delayed by this much.

import { type Clock, repeat, type Timer } from '../ground/clock.ts';
import { type DurationCounts, Durations } from '../ground/counters.ts';

/** How often the lag is measured, in milliseconds. */
export const LAG_PERIOD_MS = 100;
/** The histogram's upper bounds in seconds. */
const LAG_SECONDS = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Measures from construction until `close`. */
export class LoopLag {
  readonly #lags = new Durations(LAG_SECONDS);
  readonly #timer: Timer;

  constructor(clock: Clock) {
    let setAt = clock.now();
    this.#timer = repeat(clock, LAG_PERIOD_MS, () => {
      const firedAt = clock.now();
      // Timers count whole milliseconds, so one may fire a little early.
      this.#lags.add(Math.max(0, firedAt - setAt - LAG_PERIOD_MS));
      setAt = firedAt;
    });
  }

  read(): DurationCounts {
    return this.#lags.read();
  }

  close(): void {
    this.#timer.cancel();
  }
}
