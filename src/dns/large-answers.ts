// Limits large UDP answers, so that the rack is of little use for amplification attacks with forged source addresses.
//
// An answer of at most LARGE_FACTOR times its question always goes out. A larger one costs one permit of its address and one of its
// network. If either is used up, the answer goes out empty with TC set: a real client then asks again over TCP (RFC 7766 §5), whose
// source cannot be forged. BIND and Knot truncate in the same way ("slip").

import type { Instant } from '../clock.ts';
import type { Ipv4 } from '../net/address.ts';
import { AddressRates } from '../net/shares/address-rates.ts';
import type { Rate } from '../rate-limit.ts';

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

/** Counts the large answers of every address and network. */
export class LargeAnswers {
  readonly #rates = new AddressRates(LARGE_ANSWERS, NETWORK_LARGE_ANSWERS, ADDRESSES_MAX, NETWORKS_MAX);

  /** True if an answer of `octets` may go to a question of `askedOctets`. */
  allows(client: Ipv4, octets: number, askedOctets: number, now: Instant): boolean {
    return octets <= askedOctets * LARGE_FACTOR || this.#rates.allows(client, now);
  }
}
