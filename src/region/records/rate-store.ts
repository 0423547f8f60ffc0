// The port to the rate limits that all processes of a region share.

import type { Rate } from '../../ground/rate-limit.ts';

/** Every method is one transaction and may throw RackError `store-unavailable`. */
export interface RateStore {
  /** @returns false if the rate is exhausted */
  take(name: string, rate: Rate): Promise<boolean>;
  /** Returns a permission that was not used. */
  giveBack(name: string, rate: Rate): Promise<void>;
}
