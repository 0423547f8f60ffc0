// The port to the store of rate limits that all processes of a region share.

import type { Rate } from '../../rate-limit.ts';

/** Every method is one transaction and may throw RackError `store-unavailable`. */
export interface RateStore {
  /** Takes one permission under this name. @returns false if the rate is exhausted */
  take(name: string, rate: Rate): Promise<boolean>;
  /** Returns one permission that was taken but not used. */
  giveBack(name: string, rate: Rate): Promise<void>;
}
