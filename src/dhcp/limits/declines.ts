// Limits how many addresses clients can block by declining them. Otherwise a client that declines whatever it gets
// would exhaust a range, one address per exchange. Sources: RFC 2131 §4.3.3.
//
// 1. A hardware address may decline DECLINES_AT_ONCE addresses, under any identifiers, and regains one per DECLINE_REGAINED_SECONDS. At
//    most DECLINED_SHARE_MAX of a range is set aside; in a small range, DECLINED_ALWAYS.
// 2. An address declined beyond these limits is not set aside. It goes to the end of the free queue, so that the client is offered other
//    addresses first and the range keeps its size.

import { BoundedMap } from '../../bounded-map.ts';
import { type Instant, type Seconds, seconds } from '../../clock.ts';
import type { MacAddress } from '../../net/address.ts';
import { type Rate, RateLimit } from '../../rate-limit.ts';
import type { RangeUsage } from '../leases/address-pool.ts';

/** How many addresses one client can have set aside in a row. */
export const DECLINES_AT_ONCE = 3;
/** Time until the client can have one more set aside. */
export const DECLINE_REGAINED_SECONDS: Seconds = seconds(1200);
/** The share of a range's usable addresses that can be set aside. */
export const DECLINED_SHARE_MAX = 0.25;
/** How many addresses can be set aside in any range, however small. */
export const DECLINED_ALWAYS = 4;
/** How many clients' declines are counted; beyond this, the client that came first is forgotten. */
export const DECLINERS_MAX = 4096;

export const RATE: Rate = { perSecond: 1 / DECLINE_REGAINED_SECONDS, burst: DECLINES_AT_ONCE };

/** The deciders' view of the limits. */
export interface DeclineView {
  /** True if this client's decline may set aside one more address of the range. */
  mayDecline(client: MacAddress, usage: RangeUsage | undefined, now: Instant): boolean;
}

/** Counts each client's declines. */
export class Declines implements DeclineView {
  readonly #clients = new BoundedMap<MacAddress, RateLimit>(DECLINERS_MAX, 'set longest ago');

  mayDecline(client: MacAddress, usage: RangeUsage | undefined, now: Instant): boolean {
    if (usage !== undefined && usage.declined >= Math.max(DECLINED_ALWAYS, usage.usable * DECLINED_SHARE_MAX)) {
      return false;
    }
    return this.#clients.get(client)?.has(now) !== false;
  }

  /** Counts a decline. */
  take(client: MacAddress, now: Instant): void {
    this.#clients.getOrMake(client, () => new RateLimit(RATE)).allows(now);
  }
}
