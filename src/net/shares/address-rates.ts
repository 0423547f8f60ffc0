// Limits how often something happens in the name of an address, which another host may have forged.
//
// 1. Each event takes one permit of the address and one of its /24, or none of either.
// 2. `addressesMax` addresses and `networksMax` networks have their own buckets. While all buckets
//    are taken, all other addresses share one bucket.
// Similar: response rate limiting of BIND and Knot, which count by /24.

import type { Ipv4 } from '../../ground/address.ts';
import { BoundedMap } from '../../ground/bounded-map.ts';
import { type Instant, later } from '../../ground/clock.ts';
import { type Rate, RateLimit } from '../../ground/rate-limit.ts';
import { shareNetwork } from './fair-shares.ts';

interface Bucket {
  readonly limit: RateLimit;
  /** When the bucket will be full again. From then on, forgetting it changes nothing. */
  fullAt: Instant;
}

/** The buckets of all addresses and networks. */
export class AddressRates {
  readonly #addresses: Buckets;
  readonly #networks: Buckets;

  /** @param addressesMax how many addresses have buckets of their own; `networksMax`: how many networks */
  constructor(addressRate: Rate, networkRate: Rate, addressesMax: number, networksMax: number) {
    this.#addresses = new Buckets(addressRate, addressesMax);
    this.#networks = new Buckets(networkRate, networksMax);
  }

  /**
   * Takes a permit of this address and of its network.
   * @returns false, and takes none, if one of them has none left
   */
  allows(client: Ipv4, now: Instant): boolean {
    const address = this.#addresses.getBucket(client, now);
    return address.has(now) && this.#networks.getBucket(shareNetwork(client), now).allows(now) && address.allows(now);
  }

  /** Returns a permit: the address has turned out not to be forged. */
  giveBack(client: Ipv4, now: Instant): void {
    this.#addresses.getBucket(client, now).giveBack();
    this.#networks.getBucket(shareNetwork(client), now).giveBack();
  }
}

/** One bucket for each known key, and a shared one for all others. */
class Buckets {
  readonly #rate: Rate;
  readonly #countMax: number;
  readonly #fullMs: number;
  readonly #buckets: BoundedMap<number, Bucket>;
  readonly #sharedLimit: RateLimit;

  constructor(rate: Rate, countMax: number) {
    this.#rate = rate;
    this.#countMax = countMax;
    this.#buckets = new BoundedMap(countMax, 'used longest ago');
    this.#fullMs = (rate.burst / rate.perSecond) * 1000;
    this.#sharedLimit = new RateLimit(rate);
  }

  getBucket(key: number, now: Instant): RateLimit {
    const entry = this.#buckets.get(key);
    if (entry !== undefined) {
      entry.fullAt = later(now, this.#fullMs);
      return entry.limit;
    }
    const { oldest } = this.#buckets;
    if (this.#buckets.size >= this.#countMax && oldest !== undefined && oldest.fullAt > now) return this.#sharedLimit;
    const bucket = { limit: new RateLimit(this.#rate), fullAt: later(now, this.#fullMs) };
    this.#buckets.set(key, bucket);
    return bucket.limit;
  }
}
