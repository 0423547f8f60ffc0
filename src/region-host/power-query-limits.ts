// Limits each person's power queries outside the regular polling, so that one person's loop cannot
// take the query places, or the region's thread, from other people.
//
// 1. At most QUERIES_OF_PERSON_MAX queries of one person run at once. A query counts until it ends,
//    even if its caller has gone.
// 2. A person may start queries at QUERY_RATE.

import type { Instant } from '../ground/clock.ts';
import { type Rate, RateLimits } from '../ground/rate-limit.ts';

/** Running queries of one person: half of the places for queries (`power/queue.ts`). */
export const QUERIES_OF_PERSON_MAX = 4;
/** Enough to query every machine of a list at once, or to poll with a program. */
export const QUERY_RATE: Rate = { perSecond: 10, burst: 50 };
/**
 * People whose rates are remembered. Beyond this the oldest entry is dropped, which gives that
 * person a full burst again.
 */
const PEOPLE_MAX = 1024;

/** The query limits of all people. */
export class PowerQueryLimits {
  readonly #rates = new RateLimits<string>(QUERY_RATE, PEOPLE_MAX);
  readonly #underWay = new Map<string, number>();

  ask<T>(by: string, now: Instant, question: () => Promise<T>): Promise<T> | undefined {
    const underWay = this.#underWay.get(by) ?? 0;
    if (underWay >= QUERIES_OF_PERSON_MAX || !this.#rates.allows(by, now)) return undefined;
    this.#underWay.set(by, underWay + 1);
    return question().finally(() => this.#ended(by));
  }

  #ended(by: string): void {
    const left = (this.#underWay.get(by) ?? 0) - 1;
    if (left > 0) this.#underWay.set(by, left);
    else this.#underWay.delete(by);
  }
}
