// Limits how many addresses clients block by declining them. Otherwise one client could exhaust a
// range, one address per exchange. Sources: RFC 2131 §4.3.3.
//
// 1. A hardware address may decline DECLINES_AT_ONCE addresses and regains one per
//    DECLINE_REGAINED_SECONDS. At most DECLINED_SHARE_MAX of a range is set aside; in a small one,
//    DECLINED_ALWAYS.
// 2. Beyond these limits an address goes to the end of the free queue instead, so that the range
//    keeps its size.

import type { MacAddress } from '../../ground/address.ts';
import { type Instant, type Seconds, seconds } from '../../ground/clock.ts';
import { type Rate, RateLimits } from '../../ground/rate-limit.ts';
import type { RangeUsage } from '../leases/address-pool.ts';

/** How many one client can have set aside in a row. */
export const DECLINES_AT_ONCE = 3;
/** Until the client can have one more set aside. */
export const DECLINE_REGAINED_SECONDS: Seconds = seconds(1200);
/** The share of a range's usable addresses that declines may set aside. */
export const DECLINED_SHARE_MAX = 0.25;
/** How many addresses declines may set aside in any range, however small. */
export const DECLINED_ALWAYS = 4;
/** Clients counted; beyond this the oldest is forgotten. */
export const DECLINERS_MAX = 4096;

export const RATE: Rate = { perSecond: 1 / DECLINE_REGAINED_SECONDS, burst: DECLINES_AT_ONCE };

export interface DeclineView {
  /** True if its decline may set aside one more address. */
  mayDecline(client: MacAddress, usage: RangeUsage | undefined, now: Instant): boolean;
}

export class Declines implements DeclineView {
  readonly #clients = new RateLimits<MacAddress>(RATE, DECLINERS_MAX);

  mayDecline(client: MacAddress, usage: RangeUsage | undefined, now: Instant): boolean {
    if (usage !== undefined && usage.declined >= Math.max(DECLINED_ALWAYS, usage.usable * DECLINED_SHARE_MAX)) {
      return false;
    }
    return this.#clients.has(client, now);
  }

  take(client: MacAddress, now: Instant): void {
    this.#clients.allows(client, now);
  }
}
