// How much those may ask who have not said who they are: a token bucket for each address, and one for all together.
//
// 1. Memory is bounded: at ADDRESSES_MAX the address that was first seen is forgotten, which costs it nothing but its history.

import type { Instant } from '../../clock.ts';

/** A full bucket holds `burst` requests and is filled by `perSecond`. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** One machine's enlistment takes three requests; a person's wrong password, one. */
export const ANONYMOUS_PER_ADDRESS: Rate = { perSecond: 1, burst: 30 };
/** A rack of 40 machines that power on together, five times over. */
export const ANONYMOUS_IN_TOTAL: Rate = { perSecond: 100, burst: 600 };
const ADDRESSES_MAX = 4096;

interface Bucket {
  tokens: number;
  at: Instant;
}

function take(bucket: Bucket, rate: Rate, now: Instant): boolean {
  const earned = (Math.max(0, now - bucket.at) / 1000) * rate.perSecond;
  bucket.tokens = Math.min(rate.burst, bucket.tokens + earned);
  bucket.at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

/** The buckets of all addresses. */
export class RateLimiter {
  readonly #each: Rate;
  readonly #all: Rate;
  readonly #total: Bucket;
  readonly #byAddress = new Map<string, Bucket>();

  constructor(now: Instant, each: Rate = ANONYMOUS_PER_ADDRESS, all: Rate = ANONYMOUS_IN_TOTAL) {
    this.#each = each;
    this.#all = all;
    this.#total = { tokens: all.burst, at: now };
  }

  /** True when this address may ask once more now. */
  allows(address: string, now: Instant): boolean {
    let bucket = this.#byAddress.get(address);
    if (bucket === undefined) {
      const oldest = this.#byAddress.size >= ADDRESSES_MAX ? this.#byAddress.keys().next().value : undefined;
      if (oldest !== undefined) this.#byAddress.delete(oldest);
      bucket = { tokens: this.#each.burst, at: now };
      this.#byAddress.set(address, bucket);
    }
    // An address that is over its own limit takes nothing from the others.
    return take(bucket, this.#each, now) && take(this.#total, this.#all, now);
  }
}
