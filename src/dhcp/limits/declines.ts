// How much may be set aside because clients say that somebody else uses it: a client that declines whatever it gets would else empty a
// range, an address an exchange. Sources: RFC 2131 §4.3.3.
//
// 1. A hardware address has DECLINES_AT_ONCE, whatever identifiers it names, and gets one back in DECLINE_REGAINED_SECONDS; of a range
//    at most DECLINED_SHARE_MAX is set aside, and DECLINED_ALWAYS of a small one.
// 2. An address that is declined beyond that is not set aside: it goes to the end of the queue of those that can be handed out. So the
//    client is offered other ones first, and the range stays as large as it is.

import { BoundedMap } from '../../bounded-map.ts';
import { type Instant, type Seconds, seconds } from '../../clock.ts';
import type { MacAddress } from '../../net/address.ts';
import { type Rate, RateLimit } from '../../rate-limit.ts';
import type { RangeUsage } from '../leases/address-pool.ts';

/** Addresses that one client can have set aside one after the other. */
export const DECLINES_AT_ONCE = 3;
/** How long until it can have one more set aside. */
export const DECLINE_REGAINED_SECONDS: Seconds = seconds(1200);
/** The share of the usable addresses of a range that can be set aside. */
export const DECLINED_SHARE_MAX = 0.25;
/** So many can be set aside in any range. */
export const DECLINED_ALWAYS = 4;
/** The most clients whose declines are counted; beyond that the one that came first is forgotten. */
export const DECLINERS_MAX = 4096;

export const RATE: Rate = { perSecond: 1 / DECLINE_REGAINED_SECONDS, burst: DECLINES_AT_ONCE };

/** What deciders may ask. */
export interface DeclineView {
  /** True when one more address of a range may be set aside because this client declined it. */
  mayDecline(client: MacAddress, usage: RangeUsage | undefined, now: Instant): boolean;
}

/** The declines of each client. */
export class Declines implements DeclineView {
  readonly #clients = new BoundedMap<MacAddress, RateLimit>(DECLINERS_MAX, 'set longest ago');

  mayDecline(client: MacAddress, usage: RangeUsage | undefined, now: Instant): boolean {
    if (usage !== undefined && usage.declined >= Math.max(DECLINED_ALWAYS, usage.usable * DECLINED_SHARE_MAX)) {
      return false;
    }
    return this.#clients.get(client)?.has(now) !== false;
  }

  /** The client declined an address. */
  take(client: MacAddress, now: Instant): void {
    this.#clients.getOrMake(client, () => new RateLimit(RATE)).allows(now);
  }
}
