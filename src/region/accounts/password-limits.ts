// Permits for password checks. Each check costs 100 ms of a core, and guessing takes many, so checks are limited for each address and for
// each network.
//
// Sources: RFC 4291 §2.5.4 (an IPv6 host has a whole /64); OWASP's advice on guessing and on locking accounts.
//
// 1. `verifyPassword` takes a permit, and only `PasswordLimits` makes one, so the compiler rejects code that bypasses the limit.
// 2. Nothing is counted by account, so guessing a user's password does not lock that user out.
// 3. A correct password is not counted.
// 4. An address with few attempts is still served when its network is beyond its limit.
// 5. Memory is bounded: at ADDRESSES_MAX the address seen first is forgotten, which only resets its buckets.

import { BoundedMap } from '../../bounded-map.ts';
import type { Instant } from '../../clock.ts';
import { withoutIpv4Mapping } from '../../net/address.ts';
import { networkOfText } from '../../net/fair-shares.ts';
import { type Rate, RateLimit } from '../../rate-limit.ts';

/** Checks for one address, an IPv6 host by its whole /64. Allows a person to mistype a few times. */
export const PASSWORDS_PER_ADDRESS: Rate = { perSecond: 0.5, burst: 20 };
/** Checks for an IPv4 /24: an office where everyone signs in. */
export const PASSWORDS_PER_NETWORK: Rate = { perSecond: 4, burst: 60 };
/** Checks for one address whose network is beyond its rate: 254 addresses make 13 a second, fewer than can be checked. */
export const PASSWORDS_OF_RARE: Rate = { perSecond: 0.05, burst: 3 };
/**
 * Addresses, networks, and accounts that set new passwords, whose buckets are kept: so many of each. Any client can fill it, and no other
 * client notices: the one seen first is forgotten and gets its full burst again.
 */
export const ADDRESSES_MAX = 4096;

/** The buckets of one address. */
interface Buckets {
  readonly own: RateLimit;
  readonly rare: RateLimit;
}

/** Permission for one password check. */
class Permit {
  readonly #buckets: readonly RateLimit[];
  #isSpent = false;

  constructor(buckets: readonly RateLimit[]) {
    this.#buckets = buckets;
  }

  /** Uses the permit. @throws Error if it was used before, which is a bug of ours */
  spend(): void {
    if (this.#isSpent) throw new Error('a permit for a password check was used twice');
    this.#isSpent = true;
  }

  /** Takes back the count of a correct password. */
  giveBack(): void {
    for (const bucket of this.#buckets) bucket.giveBack();
  }
}

/** Permission for one password check; only `PasswordLimits` makes it. */
export type PasswordPermit = Permit;

/** The limit that was exceeded. */
export type PasswordExcess = 'address' | 'network';

/** The limits of one region. */
export class PasswordLimits {
  readonly #addresses = new BoundedMap<string, Buckets>(ADDRESSES_MAX, 'set longest ago');
  readonly #networks = new BoundedMap<string, RateLimit>(ADDRESSES_MAX, 'set longest ago');

  /** A permit for a check by this address, or the limit that it exceeds. */
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
