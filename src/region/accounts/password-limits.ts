// Permits for password checks, which cost 100 ms of a core each: limited for each address and each network.
//
// Sources: RFC 4291 §2.5.4 (an IPv6 host has a whole /64); OWASP's advice on guessing and on
// locking accounts.
//
// 1. `verifyPassword` takes a permit, and only `PasswordLimits` makes one, so the compiler rejects
//    code that bypasses the limit.
// 2. Nothing is counted by account, so guessing a user's password does not lock that user out. A
//    correct password is not counted.
// 3. An address with few attempts is still served when its network is beyond its limit.
// 4. The rates of a store that several processes share apply besides; each process asks it only for
//    what its own limits allow.

import { withoutIpv4Mapping } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import { type Rate, type RateLimit, RateLimits } from '../../ground/rate-limit.ts';
import { findNetworkKey } from '../../net/shares/fair-shares.ts';
import type { RateStore } from '../records/rate-store.ts';

/** Checks for one address, an IPv6 host by its whole /64. Allows a person to mistype a few times. */
export const PASSWORDS_PER_ADDRESS: Rate = { perSecond: 0.5, burst: 20 };
/** Checks for an IPv4 /24: an office where everyone signs in. */
export const PASSWORDS_PER_NETWORK: Rate = { perSecond: 4, burst: 60 };
/**
 * Checks for one address whose network is beyond its rate: 254 addresses make 13 a second, fewer
 * than can be checked.
 */
export const PASSWORDS_OF_RARE: Rate = { perSecond: 0.05, burst: 3 };
/**
 * The most addresses whose buckets are kept; the same number of networks, and of accounts that set
 * new passwords. Any client can fill it, and no other client notices: the one seen first is
 * forgotten and gets its full burst again.
 */
export const ADDRESSES_MAX = 4096;

interface Taken {
  readonly bucket: RateLimit;
  readonly name: string;
  readonly rate: Rate;
}

class Permit {
  readonly #taken: readonly Taken[];
  readonly #shared: RateStore | undefined;
  #isSpent = false;

  constructor(taken: readonly Taken[], shared: RateStore | undefined) {
    this.#taken = taken;
    this.#shared = shared;
  }

  /** Uses the permit. @throws Error if it was used before, which is a bug of ours */
  spend(): void {
    if (this.#isSpent) throw new Error('a permit for a password check was used twice');
    this.#isSpent = true;
  }

  /** Takes back the count of a correct password. @throws RackError `store-unavailable` */
  async giveBack(): Promise<void> {
    for (const { bucket, name, rate } of this.#taken) {
      bucket.giveBack();
      await this.#shared?.giveBack(name, rate);
    }
  }
}

export type PasswordPermit = Permit;

export type PasswordExcess = 'address' | 'network';

export class PasswordLimits {
  readonly #addresses = new RateLimits<string>(PASSWORDS_PER_ADDRESS, ADDRESSES_MAX);
  readonly #rare = new RateLimits<string>(PASSWORDS_OF_RARE, ADDRESSES_MAX);
  readonly #networks = new RateLimits<string>(PASSWORDS_PER_NETWORK, ADDRESSES_MAX);
  readonly #shared: RateStore | undefined;

  /** @param shared the rates of all processes; undefined: this is the only one */
  constructor(shared?: RateStore) {
    this.#shared = shared;
  }

  /**
   * A permit for a check by this address, or the limit that it exceeds. @throws RackError
   * `store-unavailable`
   */
  async take(address: string, now: Instant): Promise<PasswordPermit | PasswordExcess> {
    const network = findNetworkKey(address);
    const host = withoutIpv4Mapping(address).includes(':') ? network : address;
    const own = { bucket: this.#addresses.getBucket(host), name: `password of ${host}`, rate: PASSWORDS_PER_ADDRESS };
    if (!(await this.#allows(own, now))) return 'address';
    const ofNetwork = {
      bucket: this.#networks.getBucket(network),
      name: `password of network ${network}`,
      rate: PASSWORDS_PER_NETWORK,
    };
    if (await this.#allows(ofNetwork, now)) return new Permit([own, ofNetwork], this.#shared);
    const rare = { bucket: this.#rare.getBucket(host), name: `password of rare ${host}`, rate: PASSWORDS_OF_RARE };
    return (await this.#allows(rare, now)) ? new Permit([own, rare], this.#shared) : 'network';
  }

  async #allows({ bucket, name, rate }: Taken, now: Instant) {
    return bucket.allows(now) && ((await this.#shared?.take(name, rate)) ?? true);
  }
}
