// Measures the lag of the event loop: how late a timer due every LAG_PERIOD_MS fires. A reply to a machine is delayed by this much.

import type { Clock, Timer } from '../clock.ts';
import { type DurationCounts, Durations } from '../counters.ts';

/** How often the lag is measured, in milliseconds. */
export const LAG_PERIOD_MS = 100;
/** The histogram's upper bounds in seconds. */
const LAG_SECONDS = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Measures from construction until `close`. */
export class LoopLag {
  readonly #clock: Clock;
  readonly #lags = new Durations(LAG_SECONDS);
  #timer: Timer | undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#expect();
  }

  read(): DurationCounts {
    return this.#lags.read();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #expect(): void {
    const setAt = this.#clock.now();
    this.#timer = this.#clock.schedule(LAG_PERIOD_MS, () => {
      // Timers count whole milliseconds, so one may fire a little early.
      this.#lags.add(Math.max(0, this.#clock.now() - setAt - LAG_PERIOD_MS));
      if (!this.#closed) this.#expect();
    });
  }
}
