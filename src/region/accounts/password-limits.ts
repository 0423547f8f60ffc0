// Leave to look at a password. Each look costs 100 ms of a core, and guessing is many looks: an address may look so often, and all
// addresses of a network together so often.
//
// Sources: RFC 4291 §2.5.4 (a host of IPv6 has a whole /64); OWASP's advice on guessing and on locking accounts.
//
// 1. `verifyPassword` takes a permit, and only `PasswordLimits` makes one: the compiler refuses a path that passes by the limit.
// 2. Nothing is counted by account: whoever guesses somebody's password locks nobody out.
// 3. A password that was right is not counted.
// 4. An address that seldom tries passes when the others of its network are beyond theirs.
// 5. Memory is bounded: at ADDRESSES_MAX the address that was first seen is forgotten, which costs it nothing but its history.

import { BoundedMap } from '../../bounded-map.ts';
import type { Instant } from '../../clock.ts';
import { networkOfText } from '../../fair-shares.ts';
import { withoutIpv4Mapping } from '../../net/address.ts';
import { type Rate, RateLimit } from '../../rate-limit.ts';

/** Of one address; a host of IPv6 counts with its whole /64. A person mistypes a few times. */
export const PASSWORDS_PER_ADDRESS: Rate = { perSecond: 0.5, burst: 20 };
/** Of a /24 of IPv4 together: an office where everybody signs in. */
export const PASSWORDS_PER_NETWORK: Rate = { perSecond: 4, burst: 60 };
/** Of one address whose network is beyond its rate: 254 of them are 13 a second, fewer than can be looked at. */
export const PASSWORDS_OF_RARE: Rate = { perSecond: 0.05, burst: 3 };
/**
 * Addresses that are remembered with how often they asked, and networks. Anybody can fill it, and nobody notices: the first seen is
 * forgotten, which gives it its burst anew.
 */
export const ADDRESSES_MAX = 4096;

/** How often one address, or one network, has asked. */
interface Buckets {
  readonly own: RateLimit;
  readonly rare: RateLimit;
}

/** Leave to look at one password, once. */
class Permit {
  readonly #buckets: readonly RateLimit[];
  #isSpent = false;

  constructor(buckets: readonly RateLimit[]) {
    this.#buckets = buckets;
  }

  /** Uses it. @throws Error when it was used before: that is a bug of ours */
  spend(): void {
    if (this.#isSpent) throw new Error('a permit to look at a password was used twice');
    this.#isSpent = true;
  }

  /** The password was right: it is not counted. */
  giveBack(): void {
    for (const bucket of this.#buckets) bucket.giveBack();
  }
}

/** Leave to look at one password; made by `PasswordLimits` alone. */
export type PasswordPermit = Permit;

/** Whom a limit is of. */
export type PasswordExcess = 'address' | 'network';

/** The limits of one region. */
export class PasswordLimits {
  readonly #addresses = new BoundedMap<string, Buckets>(ADDRESSES_MAX, 'set longest ago');
  readonly #networks = new BoundedMap<string, RateLimit>(ADDRESSES_MAX, 'set longest ago');

  /** Leave to look at a password that this address gives; or whose limit it is beyond. */
  take(address: string, now: Instant): PasswordPermit | PasswordExcess {
    const network = networkOfText(address);
    const host = withoutIpv4Mapping(address).includes(':') ? network : address;
    const buckets = this.#addresses.getOrMake(host, () => ({
      own: new RateLimit(PASSWORDS_PER_ADDRESS),
      rare: new RateLimit(PASSWORDS_OF_RARE),
    }));
    if (!buckets.own.allows(now)) return 'address';
    const ofNetwork = this.#networks.getOrMake(network, () => new RateLimit(PASSWORDS_PER_NETWORK));
    if (ofNetwork.allows(now)) return new Permit([buckets.own, ofNetwork]);
    return buckets.rare.allows(now) ? new Permit([buckets.own, buckets.rare]) : 'network';
  }
}
