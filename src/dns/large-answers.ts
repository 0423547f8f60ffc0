// How many large answers UDP addresses get, so that the rack is of little use to somebody who asks in another's name.
//
// 1. An answer of at most LARGE_FACTOR times its question always goes out. A larger one costs a permission of its address and one of its
//    network; without both it is cut to nothing and says TC, so that whoever really asked asks again over TCP (RFC 7766 §5), which cannot be
//    forged.
// 2. ADDRESSES_MAX addresses and NETWORKS_MAX networks have permissions of their own; while so many are known, all others share one bucket.
// The same idea: response rate limiting of BIND and Knot, which count by /24 and cut ("slip") instead of dropping.

import { BoundedMap } from '../bounded-map.ts';
import { type Instant, later } from '../clock.ts';
import { networkOf } from '../fair-shares.ts';
import type { Ipv4 } from '../net/address.ts';
import { type Rate, RateLimit } from '../rate-limit.ts';

/** An answer that has more octets than so many times its question is large. */
export const LARGE_FACTOR = 8;
/** Large answers of one address. A host that asks in its name fills it; it then gets them over TCP. Fills by itself. */
export const LARGE_ANSWERS: Rate = { perSecond: 50, burst: 200 };
/** Large answers of a /24, so that somebody who asks in the names of all its addresses gets no more out of the rack than eight would. */
export const NETWORK_LARGE_ANSWERS: Rate = { perSecond: 400, burst: 1600 };
/** Addresses with a bucket of their own. Forged sources fill it; others then share one. Each leaves when its bucket is full again. */
export const ADDRESSES_MAX = 4096;
/** The same for networks. */
export const NETWORKS_MAX = 1024;

interface Known {
  readonly limit: RateLimit;
  /** When it may be forgotten: its bucket is full again, so that changes nothing. */
  until: Instant;
}

/** The permissions of all addresses and networks. */
export class LargeAnswers {
  readonly #addresses = new Buckets(LARGE_ANSWERS, ADDRESSES_MAX);
  readonly #networks = new Buckets(NETWORK_LARGE_ANSWERS, NETWORKS_MAX);

  /** Addresses that are known. */
  get size(): number {
    return this.#addresses.size;
  }

  /** True when an answer of so many octets may go to a question of `askedOctets`. */
  allows(client: Ipv4, octets: number, askedOctets: number, now: Instant): boolean {
    if (octets <= askedOctets * LARGE_FACTOR) return true;
    const address = this.#addresses.of(client, now);
    return address.has(now) && this.#networks.of(networkOf(client), now).allows(now) && address.allows(now);
  }
}

/** A bucket for each of some, and one for all others. */
class Buckets {
  readonly #rate: Rate;
  readonly #countMax: number;
  readonly #fullMs: number;
  readonly #known: BoundedMap<number, Known>;
  readonly #others: RateLimit;

  constructor(rate: Rate, countMax: number) {
    this.#rate = rate;
    this.#countMax = countMax;
    this.#known = new BoundedMap(countMax, 'used longest ago');
    this.#fullMs = (rate.burst / rate.perSecond) * 1000;
    this.#others = new RateLimit(rate);
  }

  get size(): number {
    return this.#known.size;
  }

  of(key: number, now: Instant): RateLimit {
    const known = this.#known.get(key);
    if (known !== undefined) {
      known.until = later(now, this.#fullMs);
      return known.limit;
    }
    const { oldest } = this.#known;
    if (this.#known.size >= this.#countMax && oldest !== undefined && oldest.until > now) return this.#others;
    const added = { limit: new RateLimit(this.#rate), until: later(now, this.#fullMs) };
    this.#known.set(key, added);
    return added.limit;
  }
}
