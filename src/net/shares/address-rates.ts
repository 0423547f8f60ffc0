// Limits how often something happens in the name of an address, which another host may have forged.
//
// 1. Each time takes one permit of the address and one of its /24, or none of either.
// 2. `addressesMax` addresses and `networksMax` networks have their own buckets. While all are
//    taken, the others share one bucket.
// Similar: response rate limiting of BIND and Knot, which count by /24.

import type { Ipv4 } from '../../ground/address.ts';
import { BoundedMap } from '../../ground/bounded-map.ts';
import { type Instant, later } from '../../ground/clock.ts';
import { type Rate, RateLimit } from '../../ground/rate-limit.ts';
import { shareNetwork } from './fair-shares.ts';

interface Bucket {
  readonly limit: RateLimit;
  /** When the bucket is full again: forgetting it then changes nothing. */
  fullAt: Instant;
}

/** The buckets of all addresses and networks. */
export class AddressRates {
  readonly #addresses: Buckets;
  readonly #networks: Buckets;

  /** @param addressesMax how many addresses have buckets of their own; `networksMax`: how many networks */
  constructor(ofAddress: Rate, ofNetwork: Rate, addressesMax: number, networksMax: number) {
    this.#addresses = new Buckets(ofAddress, addressesMax);
    this.#networks = new Buckets(ofNetwork, networksMax);
  }

  /**
   * Takes a permit of this address and of its network. @returns false, and takes none, if one of
   * them has none left
   */
  allows(client: Ipv4, now: Instant): boolean {
    const address = this.#addresses.of(client, now);
    return address.has(now) && this.#networks.of(shareNetwork(client), now).allows(now) && address.allows(now);
  }

  /** Returns a permit: the address has turned out not to be forged. */
  giveBack(client: Ipv4, now: Instant): void {
    this.#addresses.of(client, now).giveBack();
    this.#networks.of(shareNetwork(client), now).giveBack();
  }
}

/** One bucket for each known key, and a shared one for all others. */
class Buckets {
  readonly #rate: Rate;
  readonly #countMax: number;
  readonly #fullMs: number;
  readonly #known: BoundedMap<number, Bucket>;
  readonly #shared: RateLimit;

  constructor(rate: Rate, countMax: number) {
    this.#rate = rate;
    this.#countMax = countMax;
    this.#known = new BoundedMap(countMax, 'used longest ago');
    this.#fullMs = (rate.burst / rate.perSecond) * 1000;
    this.#shared = new RateLimit(rate);
  }

  of(key: number, now: Instant): RateLimit {
    const entry = this.#known.get(key);
    if (entry !== undefined) {
      entry.fullAt = later(now, this.#fullMs);
      return entry.limit;
    }
    const { oldest } = this.#known;
    if (this.#known.size >= this.#countMax && oldest !== undefined && oldest.fullAt > now) return this.#shared;
    const added = { limit: new RateLimit(this.#rate), fullAt: later(now, this.#fullMs) };
    this.#known.set(key, added);
    return added.limit;
  }
}
