// Limits large UDP answers, so that the rack is of little use for amplification attacks with forged source addresses.
//
// 1. An answer of at most LARGE_FACTOR times its question always goes out. A larger one costs one permit of its address and one of its
//    network. If either is used up, the answer goes out empty with TC set: a real client then asks again over TCP (RFC 7766 §5), whose
//    source cannot be forged.
// 2. ADDRESSES_MAX addresses and NETWORKS_MAX networks have buckets of their own; while those are taken, all others share one bucket.
// Similar: response rate limiting of BIND and Knot, which count by /24 and truncate ("slip") instead of dropping.

import { BoundedMap } from '../bounded-map.ts';
import { type Instant, later } from '../clock.ts';
import { networkOf } from '../fair-shares.ts';
import type { Ipv4 } from '../net/address.ts';
import { type Rate, RateLimit } from '../rate-limit.ts';

/** An answer is large if it has more than this many times the octets of its question. */
export const LARGE_FACTOR = 8;
/** Large answers to one address. A host that forges the address uses them up; the address then gets them over TCP. Refills with time. */
export const LARGE_ANSWERS: Rate = { perSecond: 50, burst: 200 };
/** Large answers to a /24, so that forging all its addresses yields no more than eight of them would. */
export const NETWORK_LARGE_ANSWERS: Rate = { perSecond: 400, burst: 1600 };
/** Addresses with buckets of their own. Forged sources fill it; others then share one. Each leaves when its bucket is full again. */
export const ADDRESSES_MAX = 4096;
/** Networks with buckets of their own; otherwise like ADDRESSES_MAX. */
export const NETWORKS_MAX = 1024;

interface Known {
  readonly limit: RateLimit;
  /** When the bucket is full again: forgetting it then changes nothing. */
  fullAt: Instant;
}

/** The buckets of all addresses and networks. */
export class LargeAnswers {
  readonly #addresses = new Buckets(LARGE_ANSWERS, ADDRESSES_MAX);
  readonly #networks = new Buckets(NETWORK_LARGE_ANSWERS, NETWORKS_MAX);

  /** Addresses that have a bucket of their own. */
  get size(): number {
    return this.#addresses.size;
  }

  /** True if an answer of `octets` may go to a question of `askedOctets`. */
  allows(client: Ipv4, octets: number, askedOctets: number, now: Instant): boolean {
    if (octets <= askedOctets * LARGE_FACTOR) return true;
    const address = this.#addresses.of(client, now);
    return address.has(now) && this.#networks.of(networkOf(client), now).allows(now) && address.allows(now);
  }
}

/** One bucket for each known key, and a shared one for all others. */
class Buckets {
  readonly #rate: Rate;
  readonly #countMax: number;
  readonly #fullMs: number;
  readonly #known: BoundedMap<number, Known>;
  readonly #shared: RateLimit;

  constructor(rate: Rate, countMax: number) {
    this.#rate = rate;
    this.#countMax = countMax;
    this.#known = new BoundedMap(countMax, 'used longest ago');
    this.#fullMs = (rate.burst / rate.perSecond) * 1000;
    this.#shared = new RateLimit(rate);
  }

  get size(): number {
    return this.#known.size;
  }

  of(key: number, now: Instant): RateLimit {
    const known = this.#known.get(key);
    if (known !== undefined) {
      known.fullAt = later(now, this.#fullMs);
      return known.limit;
    }
    const { oldest } = this.#known;
    if (this.#known.size >= this.#countMax && oldest !== undefined && oldest.fullAt > now) return this.#shared;
    const added = { limit: new RateLimit(this.#rate), fullAt: later(now, this.#fullMs) };
    this.#known.set(key, added);
    return added.limit;
  }
}
