// How much may be asked by those who have not said who they are, and by machines: a token bucket for each address or machine, one for
// each network, and one for all together. Sources: RFC 4291 §2.5.4 (a host of IPv6 has a whole /64, and counts with it).
//
// 1. Memory is bounded: at ADDRESSES_MAX the address that was first seen is forgotten, which costs it nothing but its history.
// 2. What is beyond a narrower limit takes nothing from a wider one.
// 3. What a remote rack passes on takes nothing from anybody else.

import { BoundedMap } from '../bounded-map.ts';
import type { Instant } from '../clock.ts';
import { networkOfText } from '../fair-shares.ts';
import { type Rate, RateLimit } from '../rate-limit.ts';
import { RACKS_MAX } from './records/rack.ts';

/** One machine's enlistment takes three requests; a person's wrong password, one. */
export const ANONYMOUS_PER_ADDRESS: Rate = { perSecond: 1, burst: 30 };
/** A rack of 40 machines that power on together, five times over; they are in one network. */
export const ANONYMOUS_PER_NETWORK: Rate = { perSecond: 100, burst: 600 };
/** All networks: one that is beyond its own limit leaves half of this to the others. Each remote rack has as much for what it passes on. */
export const ANONYMOUS_IN_TOTAL: Rate = { perSecond: 200, burst: 1200 };
/**
 * Addresses, and networks, that are remembered with how often they asked. Anybody can fill it, and nobody notices: the first seen is
 * forgotten, which gives it its burst anew.
 */
export const ADDRESSES_MAX = 4096;

/** A machine at work, by the token of its boot: each of its scripts takes three requests at once, and then one a few seconds. */
export const WORKER_RATE: Rate = { perSecond: 5, burst: 100 };
/** The machines at work of a network; all those of a remote rack are one. A thousand of them, with a request every four seconds. */
export const WORKERS_PER_NETWORK: Rate = { perSecond: 250, burst: 2500 };
/** All machines at work together: one network that is beyond its limit leaves half of this to the others. */
export const WORKERS_RATE: Rate = { perSecond: 500, burst: 5000 };

/** The buckets of all addresses. */
export class RateLimiter {
  readonly #each: Rate;
  readonly #network: Rate | undefined;
  readonly #total: RateLimit;
  readonly #byAddress = new BoundedMap<string, RateLimit>(ADDRESSES_MAX, 'set longest ago');
  readonly #byNetwork = new BoundedMap<string, RateLimit>(ADDRESSES_MAX, 'set longest ago');

  /** @param network left out: what asks is no address, or its network does not matter */
  constructor(each: Rate, all: Rate, network?: Rate) {
    this.#each = each;
    this.#network = network;
    this.#total = new RateLimit(all);
  }

  /** True when this address may ask once more now. @param from as in `excess` */
  allows(address: string, now: Instant, from = address): boolean {
    return this.excess(address, now, from) === undefined;
  }

  /**
   * Whose limit this request is beyond: the address's own, its network's, or that of all; undefined: it is taken, and counted.
   * @param from the address whose network it is, where a machine asks and not an address
   */
  excess(address: string, now: Instant, from = address): 'address' | 'network' | 'all' | undefined {
    const ofAddress = this.#byAddress.getOrMake(hostOf(address), () => new RateLimit(this.#each));
    if (!ofAddress.allows(now)) return 'address';
    const network = this.#network;
    if (network !== undefined) {
      const ofNetwork = this.#byNetwork.getOrMake(networkOfText(from), () => new RateLimit(network));
      if (!ofNetwork.allows(now)) return 'network';
    }
    return this.#total.allows(now) ? undefined : 'all';
  }

  /** The last request of this address was not a stranger's: it is not counted. */
  giveBack(address: string): void {
    this.#byAddress.get(hostOf(address))?.giveBack();
    this.#byNetwork.get(networkOfText(address))?.giveBack();
    this.#total.giveBack();
  }
}

/**
 * Rates, of which each remote rack has its own for what it passes on, also a total: a rack names any address of its networks, and would
 * otherwise use up what is counted for people and machines that come to the region themselves, or by another rack.
 */
export class RatesByRack {
  readonly #make: () => RateLimiter;
  readonly #direct: RateLimiter;
  /** By UUID: only accepted racks are believed what they pass on. The one first heard is forgotten. */
  readonly #ofRacks = new BoundedMap<string, RateLimiter>(RACKS_MAX, 'set longest ago');

  constructor(make: () => RateLimiter) {
    this.#make = make;
    this.#direct = make();
  }

  /** @param rackUuid the remote rack that passed the request on; undefined: none did */
  of(rackUuid: string | undefined): RateLimiter {
    return rackUuid === undefined ? this.#direct : this.#ofRacks.getOrMake(rackUuid, this.#make);
  }
}

/** The rates of those who have not said who they are. */
export const anonymousRates = (): RatesByRack =>
  new RatesByRack(() => new RateLimiter(ANONYMOUS_PER_ADDRESS, ANONYMOUS_IN_TOTAL, ANONYMOUS_PER_NETWORK));

/** The rates of machines at work. */
export const workerRates = (): RatesByRack =>
  new RatesByRack(() => new RateLimiter(WORKER_RATE, WORKERS_RATE, WORKERS_PER_NETWORK));

/** A host of IPv6 has a whole /64 to ask from. */
const hostOf = (address: string): string => (address.includes(':') ? networkOfText(address) : address);
