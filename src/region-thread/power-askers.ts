// How much one person may ask controllers out of their turn, so that no loop takes the places for questions, or the region's thread, from
// the others.
//
// 1. At most ASKED_MAX questions of a person are under way, until each has ended: also those whose asker has gone.
// 2. In the long run ASK_RATE of them are begun.

import type { Instant } from '../clock.ts';
import { type Rate, RateLimits } from '../rate-limit.ts';

/** Questions of one person that are under way: half of the places that there are for questions (`power/queue.ts`). */
export const ASKED_MAX = 4;
/** A person asks about every machine of a list at once, or has a program that looks again and again. */
export const ASK_RATE: Rate = { perSecond: 10, burst: 50 };
/** People who are remembered with how much they asked. The first is forgotten, which gives them their burst anew. */
const ASKERS_MAX = 1024;

/** The shares of all who ask. */
export class PowerAskers {
  readonly #rates = new RateLimits<string>(ASK_RATE, ASKERS_MAX);
  readonly #underWay = new Map<string, number>();

  /** Asks, unless this person asks too much. */
  ask<T>(by: string, now: Instant, question: () => Promise<T>): Promise<T> | undefined {
    const underWay = this.#underWay.get(by) ?? 0;
    if (underWay >= ASKED_MAX || !this.#rates.allows(by, now)) return undefined;
    this.#underWay.set(by, underWay + 1);
    return question().finally(() => this.#ended(by));
  }

  #ended(by: string): void {
    const left = (this.#underWay.get(by) ?? 0) - 1;
    if (left > 0) this.#underWay.set(by, left);
    else this.#underWay.delete(by);
  }
}
