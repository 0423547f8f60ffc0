// How many large answers a UDP address gets, so that the rack is of little use to somebody who asks in another's name.
//
// 1. An answer of at most LARGE_FACTOR times its question always goes out. A larger one costs a permission of its address; without one it
//    is cut to nothing and says TC, so that whoever really asked asks again over TCP (RFC 7766 §5), which cannot be forged.
// 2. ADDRESSES_MAX addresses have permissions of their own; while so many are known, all others share one bucket.
// The same idea: response rate limiting of BIND and Knot, which cut ("slip") instead of dropping.

import { type Instant, later } from '../clock.ts';
import type { Ipv4 } from '../net/address.ts';
import { type Rate, RateLimit } from '../rate-limit.ts';

/** An answer that has more octets than so many times its question is large. */
export const LARGE_FACTOR = 8;
/** Large answers of one address. A host that asks in its name fills it; it then gets them over TCP. Fills by itself. */
export const LARGE_ANSWERS: Rate = { perSecond: 50, burst: 200 };
/** Addresses with a bucket of their own. Forged sources fill it; others then share one. Each leaves after KNOWN_MS. */
export const ADDRESSES_MAX = 4096;
/** In this time a bucket is full again, so forgetting it changes nothing. */
const KNOWN_MS = (LARGE_ANSWERS.burst / LARGE_ANSWERS.perSecond) * 1000;

interface Known {
  readonly limit: RateLimit;
  /** When it may be forgotten. */
  until: Instant;
}

/** The permissions of all addresses. */
export class LargeAnswers {
  /** The one asked for longest ago first. */
  readonly #known = new Map<Ipv4, Known>();
  readonly #others = new RateLimit(LARGE_ANSWERS);

  get size(): number {
    return this.#known.size;
  }

  /** True when an answer of so many octets may go to a question of `askedOctets`. */
  allows(client: Ipv4, octets: number, askedOctets: number, now: Instant): boolean {
    if (octets <= askedOctets * LARGE_FACTOR) return true;
    const known = this.#find(client, now);
    return (known?.limit ?? this.#others).allows(now);
  }

  #find(client: Ipv4, now: Instant): Known | undefined {
    const known = this.#known.get(client);
    if (known !== undefined) {
      this.#known.delete(client);
      known.until = later(now, KNOWN_MS);
      this.#known.set(client, known);
      return known;
    }
    const [oldest] = this.#known.size < ADDRESSES_MAX ? [] : this.#known;
    if (oldest !== undefined) {
      if (oldest[1].until > now) return undefined;
      this.#known.delete(oldest[0]);
    }
    const added = { limit: new RateLimit(LARGE_ANSWERS), until: later(now, KNOWN_MS) };
    this.#known.set(client, added);
    return added;
  }
}
