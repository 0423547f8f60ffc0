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
  #pauseTimer: Timer | undefined;
  #pendingState: DesiredState | undefined;

  constructor(clock: Clock, write: (state: DesiredState) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  keep(state: DesiredState): void {
    if (this.#pauseTimer === undefined) this.#writeNow(state);
    else this.#pendingState = state;
  }

  close(): void {
    this.#pauseTimer?.cancel();
    this.#pauseTimer = undefined;
    if (this.#pendingState !== undefined) this.#write(this.#pendingState);
    this.#pendingState = undefined;
  }

  #writeNow(state: DesiredState): void {
    const startedAt = this.#clock.now();
    this.#write(state);
    const pauseMs = Math.min((this.#clock.now() - startedAt) * PAUSE_FACTOR, PAUSE_MS_MAX);
    this.#pauseTimer = this.#clock.schedule(pauseMs, () => {
      this.#pauseTimer = undefined;
      const pendingState = this.#pendingState;
      this.#pendingState = undefined;
      if (pendingState !== undefined) this.#writeNow(pendingState);
    });
  }
}
