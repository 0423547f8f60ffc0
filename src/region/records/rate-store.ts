// The port to the store of rates that hold for all processes of a region together.

import type { Rate } from '../../rate-limit.ts';

/** Every method is one transaction and may throw RackError `store-unavailable`. */
export interface RateStore {
  /** True when it may happen once more now under this name; it is then taken as having happened. */
  take(name: string, rate: Rate): Promise<boolean>;
  /** Returns one permission that was taken but not used. */
  giveBack(name: string, rate: Rate): Promise<void>;
}
