// Rate limits for anonymous requests and for machines: a token bucket for each address or machine,
// one for each network, and one for all. Source: RFC 4291 §2.5.4 (an IPv6 host has a whole /64 and
// is counted by it).
//
// 1. Memory is bounded: at ADDRESSES_MAX the address seen first is forgotten, which only resets its bucket.
// 2. A request beyond a narrower limit takes nothing from a wider one.
// 3. Requests that a remote rack forwards use only that rack's limits.

import { BoundedMap } from '../../ground/bounded-map.ts';
import type { Instant } from '../../ground/clock.ts';
import { type Rate, RateLimit, RateLimits } from '../../ground/rate-limit.ts';
import { findNetworkKey } from '../../net/shares/fair-shares.ts';
import { RACKS_MAX } from '../records/rack.ts';

/** An enlistment takes three requests, a failed login one. */
export const ANONYMOUS_PER_ADDRESS: Rate = { perSecond: 1, burst: 30 };
/** Five times a rack of 40 machines that power on together in one network. */
export const ANONYMOUS_PER_NETWORK: Rate = { perSecond: 100, burst: 600 };
/**
 * All networks together. A network at its own limit leaves half of this to the others. Each remote
 * rack has the same for what it forwards.
 */
export const ANONYMOUS_IN_TOTAL: Rate = { perSecond: 200, burst: 1200 };
/**
 * Addresses, and networks, whose buckets are kept. Any client can fill it, and no other client
 * notices: the one seen first is forgotten and gets its full burst again.
 */
export const ADDRESSES_MAX = 4096;

/**
 * Requests for files and documents of the image stream that exist. A mirror fetches every file of a
 * store, hundreds, one after the other.
 */
export const STREAM_PER_ADDRESS: Rate = { perSecond: 20, burst: 1000 };
export const STREAM_PER_NETWORK: Rate = { perSecond: 100, burst: 5000 };
/** All networks together; each remote rack has the same for what it forwards. */
export const STREAM_IN_TOTAL: Rate = { perSecond: 200, burst: 10_000 };

/**
 * A machine at work, by its boot token: each script takes three requests at once, then one every
 * few seconds.
 */
export const WORKER_RATE: Rate = { perSecond: 5, burst: 100 };
/**
 * The machines at work in one network; a remote rack counts as one network. Enough for a thousand
 * with a request every four seconds.
 */
export const WORKERS_PER_NETWORK: Rate = { perSecond: 250, burst: 2500 };
/** All machines at work together. A network at its own limit leaves half of this to the others. */
export const WORKERS_RATE: Rate = { perSecond: 500, burst: 5000 };

export class RateLimiter {
  readonly #total: RateLimit;
  readonly #byAddress: RateLimits<string>;
  readonly #byNetwork: RateLimits<string> | undefined;

  /** @param network leave it out to set no limit per network */
  constructor(each: Rate, all: Rate, network?: Rate) {
    this.#total = new RateLimit(all);
    this.#byAddress = new RateLimits(each, ADDRESSES_MAX);
    this.#byNetwork = network && new RateLimits(network, ADDRESSES_MAX);
  }

  /** True if this address may send another request now; counts it. @param from as in `excess` */
  allows(address: string, now: Instant, from = address): boolean {
    return this.excess(address, now, from) === undefined;
  }

  /**
   * The limit that this request exceeds: its address's, its network's, or that of all; `undefined`
   * if it is within all, and counted.
   * @param address the key of the narrowest bucket: an address, or a machine's name
   * @param from the address whose network counts, if `address` names a machine
   */
  excess(address: string, now: Instant, from = address): 'address' | 'network' | 'all' | undefined {
    if (!this.#byAddress.allows(formatHostKey(address), now)) return 'address';
    if (this.#byNetwork?.allows(findNetworkKey(from), now) === false) return 'network';
    return this.#total.allows(now) ? undefined : 'all';
  }

  /** Takes back the count of this address's last request, which turned out not to be anonymous. */
  giveBack(address: string): void {
    this.#byAddress.giveBack(formatHostKey(address));
    this.#byNetwork?.giveBack(findNetworkKey(address));
    this.#total.giveBack();
  }
}

/**
 * Rates with separate buckets, and a separate total, for the requests that each remote rack
 * forwards. A rack can name any address of its networks, and could otherwise use up the rates of
 * clients that reach the region directly or through another rack.
 */
export class RatesByRack {
  readonly #make: () => RateLimiter;
  readonly #direct: RateLimiter;
  /** By UUID; only accepted racks may forward requests. At the bound the one heard first is forgotten. */
  readonly #ofRacks = new BoundedMap<string, RateLimiter>(RACKS_MAX, 'set longest ago');

  constructor(make: () => RateLimiter) {
    this.#make = make;
    this.#direct = make();
  }

  /** @param rackUuid the remote rack that forwarded the request; undefined: none */
  of(rackUuid: string | undefined): RateLimiter {
    return rackUuid === undefined ? this.#direct : this.#ofRacks.getOrMake(rackUuid, this.#make);
  }
}

export const anonymousRates = (): RatesByRack =>
  new RatesByRack(() => new RateLimiter(ANONYMOUS_PER_ADDRESS, ANONYMOUS_IN_TOTAL, ANONYMOUS_PER_NETWORK));

export const streamRates = (): RatesByRack =>
  new RatesByRack(() => new RateLimiter(STREAM_PER_ADDRESS, STREAM_IN_TOTAL, STREAM_PER_NETWORK));

export const workerRates = (): RatesByRack =>
  new RatesByRack(() => new RateLimiter(WORKER_RATE, WORKERS_RATE, WORKERS_PER_NETWORK));

/** An IPv6 host may send from any address of its /64. */
export const formatHostKey = (address: string): string => (address.includes(':') ? findNetworkKey(address) : address);
