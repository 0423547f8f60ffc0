// How late the event loop is: a timer that is due every LAG_PERIOD_MS, and how long after that it fires. What a machine waits for its
// answer beyond the answer's own time.

import type { Clock, Instant, Timer } from '../clock.ts';
import { type DurationCounts, Durations } from '../counters.ts';

/** How often the loop is looked at, in milliseconds. */
export const LAG_PERIOD_MS = 100;
/** Upper bounds in seconds. */
const LAG_SECONDS = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Measures from its making until `close`. */
export class LoopLag {
  readonly #clock: Clock;
  readonly #lags = new Durations(LAG_SECONDS);
  #timer: Timer | undefined;
  #lastAt: Instant;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastAt = clock.now();
    this.#expect();
  }

  /** The lags so far. */
  read(): DurationCounts {
    return this.#lags.read();
  }

  /** When the loop last turned, as far as the timer saw. */
  get lastAt(): Instant {
    return this.#lastAt;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #expect(): void {
    const setAt = this.#clock.now();
    this.#timer = this.#clock.schedule(LAG_PERIOD_MS, () => {
      this.#lastAt = this.#clock.now();
      // Timers count whole milliseconds, so one may come a little early.
      this.#lags.add(Math.max(0, this.#lastAt - setAt - LAG_PERIOD_MS));
      if (!this.#closed) this.#expect();
    });
  }
}
