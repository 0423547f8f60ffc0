// How often something may happen that a stranger can cause at will.
//
// 1. At most `burst` at once and `perSecond` in the long run.

import type { Instant } from '../clock.ts';

/** A bucket of permissions that fills with time. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #burst: number;
  #permissions: number;
  #filledAt: Instant | undefined;
  #withheld = 0;

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#permissions = burst;
  }

  /** 0: not now. Else how many happenings this one stands for: itself and those that were withheld before it. */
  take(now: Instant): number {
    const elapsedMs = now - (this.#filledAt ?? now);
    this.#filledAt = now;
    this.#permissions = Math.min(this.#burst, this.#permissions + (elapsedMs / 1000) * this.#perSecond);
    if (this.#permissions < 1) {
      this.#withheld += 1;
      return 0;
    }
    this.#permissions -= 1;
    const count = this.#withheld + 1;
    this.#withheld = 0;
    return count;
  }
}
