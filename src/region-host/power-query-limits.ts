// Limits each person's power queries outside the regular polling, so that one person's loop cannot
// take the query places, or the region's thread, from other people.
//
// 1. At most QUERIES_OF_PERSON_MAX queries of one person run at once. A query counts until it ends,
//    even if its caller has disconnected.
// 2. A person may start queries at QUERY_RATE.

import type { Instant } from '../ground/clock.ts';
import { type Rate, RateLimits } from '../ground/rate-limit.ts';

/** Running queries of one person: half of the places for queries (`power/queue.ts`). */
export const QUERIES_OF_PERSON_MAX = 4;
/** Enough to query every machine of a list at once, or to poll with a program. */
export const QUERY_RATE: Rate = { perSecond: 10, burst: 50 };
/**
 * The number of people whose rates are remembered. Beyond it the oldest entry is removed, which
 * gives that person a full burst again.
 */
const PEOPLE_MAX = 1024;

/** The query limits of all people. */
export class PowerQueryLimits {
  readonly #rates = new RateLimits<string>(QUERY_RATE, PEOPLE_MAX);
  readonly #runningByPerson = new Map<string, number>();

  tryQuery<T>(person: string, now: Instant, query: () => Promise<T>): Promise<T> | undefined {
    const running = this.#runningByPerson.get(person) ?? 0;
    if (running >= QUERIES_OF_PERSON_MAX || !this.#rates.allows(person, now)) return undefined;
    this.#runningByPerson.set(person, running + 1);
    return query().finally(() => this.#countEnd(person));
  }

  #countEnd(person: string): void {
    const remaining = (this.#runningByPerson.get(person) ?? 0) - 1;
    if (remaining > 0) this.#runningByPerson.set(person, remaining);
    else this.#runningByPerson.delete(person);
  }
}
