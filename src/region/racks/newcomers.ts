// Limits how often unknown racks may register.
//
// 1. If several processes share the store, the store's rates also apply, as for passwords (`accounts/password-limits.ts`).

import type { Clock } from '../../clock.ts';
import { networkOfText } from '../../net/shares/fair-shares.ts';
import type { RateStore } from '../records/rate-store.ts';
import { hostOf, RateLimiter } from '../shares/request-rates.ts';

/**
 * Registrations of unknown racks: from one address, from one network, and in total. An unchanged repeat by a pending rack does not count.
 */
export const REGISTRATIONS_PER_ADDRESS = { perSecond: 1 / 60, burst: 6 } as const;
export const REGISTRATIONS_PER_NETWORK = { perSecond: 0.1, burst: 16 } as const;
export const REGISTRATIONS_IN_TOTAL = { perSecond: 1, burst: 64 } as const;

export class Newcomers {
  readonly #clock: Clock;
  readonly #shared: RateStore | undefined;
  readonly #own = new RateLimiter(REGISTRATIONS_PER_ADDRESS, REGISTRATIONS_IN_TOTAL, REGISTRATIONS_PER_NETWORK);

  /** @param shared the rates of all processes of the region; undefined: this is the only one */
  constructor(clock: Clock, shared: RateStore | undefined) {
    this.#clock = clock;
    this.#shared = shared;
  }

  /** True if an unknown rack may register from this address now; counts the registration. @throws RackError `store-unavailable` */
  async allows(address: string): Promise<boolean> {
    if (!this.#own.allows(address, this.#clock.now())) return false;
    if (this.#shared === undefined) return true;
    const rates = [
      [`registration of ${hostOf(address)}`, REGISTRATIONS_PER_ADDRESS],
      [`registration of network ${networkOfText(address)}`, REGISTRATIONS_PER_NETWORK],
      ['registration', REGISTRATIONS_IN_TOTAL],
    ] as const;
    for (const [name, rate] of rates) if (!(await this.#shared.take(name, rate))) return false;
    return true;
  }
}
