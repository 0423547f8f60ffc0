// Keeps the cached desired state up to date, with a bounded share of the time: with thousands of
// machines, writing it takes tens of milliseconds, and a busy region changes it many times a
// second.
//
//   keep ──▶ written at once ──pause──▶ ready
//   keep in the pause ──▶ waits; the newest is written when the pause ends, or at `close`
//
// 1. A pause takes PAUSE_FACTOR times as long as the write before it, and PAUSE_MS_MAX at most.
//    With few machines that is a few milliseconds.

import type { Clock, Timer } from '../ground/clock.ts';
import type { DesiredState } from '../machines/machine.ts';

/** Writing takes at most 1/(1 + PAUSE_FACTOR) of the time. */
const PAUSE_FACTOR = 20;
/** The longest pause, in milliseconds, however long a stalled disk took for the write. */
const PAUSE_MS_MAX = 5000;

export class DesiredStateKeeper {
  readonly #clock: Clock;
  readonly #write: (state: DesiredState) => void;
  #pause: Timer | undefined;
  #waiting: DesiredState | undefined;

  constructor(clock: Clock, write: (state: DesiredState) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  keep(state: DesiredState): void {
    if (this.#pause === undefined) this.#writeNow(state);
    else this.#waiting = state;
  }

  close(): void {
    this.#pause?.cancel();
    this.#pause = undefined;
    if (this.#waiting !== undefined) this.#write(this.#waiting);
    this.#waiting = undefined;
  }

  #writeNow(state: DesiredState): void {
    const from = this.#clock.now();
    this.#write(state);
    const pauseMs = Math.min((this.#clock.now() - from) * PAUSE_FACTOR, PAUSE_MS_MAX);
    this.#pause = this.#clock.schedule(pauseMs, () => {
      this.#pause = undefined;
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting !== undefined) this.#writeNow(waiting);
    });
  }
}
