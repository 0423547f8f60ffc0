// How much those may ask who have not said who they are: a token bucket for each address, and one for all together.
//
// 1. Memory is bounded: at ADDRESSES_MAX the address that was first seen is forgotten, which costs it nothing but its history.

import type { Instant } from '../../clock.ts';
import { type Rate, RateLimit } from '../../rate-limit.ts';

/** One machine's enlistment takes three requests; a person's wrong password, one. */
export const ANONYMOUS_PER_ADDRESS: Rate = { perSecond: 1, burst: 30 };
/** A rack of 40 machines that power on together, five times over. */
export const ANONYMOUS_IN_TOTAL: Rate = { perSecond: 100, burst: 600 };
const ADDRESSES_MAX = 4096;

/** A machine at work, by the token of its boot: each of its scripts takes three requests at once, and then one a few seconds. */
export const WORKER_RATE: Rate = { perSecond: 5, burst: 100 };
/** All machines at work together. */
export const WORKERS_RATE: Rate = { perSecond: 500, burst: 5000 };

/** The buckets of all addresses. */
export class RateLimiter {
  readonly #each: Rate;
  readonly #total: RateLimit;
  readonly #byAddress = new Map<string, RateLimit>();

  constructor(each: Rate = ANONYMOUS_PER_ADDRESS, all: Rate = ANONYMOUS_IN_TOTAL) {
    this.#each = each;
    this.#total = new RateLimit(all);
  }

  /** True when this address may ask once more now. */
  allows(address: string, now: Instant): boolean {
    return this.excess(address, now) === undefined;
  }

  /** Whose limit this request is beyond: the address's own, or that of all together; undefined: it is taken, and counted. */
  excess(address: string, now: Instant): 'address' | 'all' | undefined {
    let own = this.#byAddress.get(address);
    if (own === undefined) {
      const oldest = this.#byAddress.size >= ADDRESSES_MAX ? this.#byAddress.keys().next().value : undefined;
      if (oldest !== undefined) this.#byAddress.delete(oldest);
      own = new RateLimit(this.#each);
      this.#byAddress.set(address, own);
    }
    // An address that is over its own limit takes nothing from the others.
    if (!own.allows(now)) return 'address';
    return this.#total.allows(now) ? undefined : 'all';
  }

  /** The last request of this address was not a stranger's: it is not counted. */
  giveBack(address: string): void {
    this.#byAddress.get(address)?.giveBack();
    this.#total.giveBack();
  }
}
