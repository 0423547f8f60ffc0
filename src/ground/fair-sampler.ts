// Decides which events of many keys are reported, so that no key uses up the rate of another.
//
// 1. A fair sampler reports one event of each key every OWED_EVERY_MS, whatever else it reports, so
//    no flood in other names hides a machine. Beyond that, each key has MACHINE_RATE and all keys
//    together have TOGETHER_RATE. A flood in the names of n machines thus brings n events a minute
//    plus TOGETHER_RATE, and no more.
// 2. Withheld events are counted. The next event of the key carries the count.

import { BoundedMap } from './bounded-map.ts';
import type { Instant } from './clock.ts';
import { type Rate, RateLimit, type Sample } from './rate-limit.ts';

/** Events of one machine that are reported singly. */
export const MACHINE_RATE: Rate = { perSecond: 1, burst: 10 };
/** The same for all machines together, in addition to each machine's own. */
export const TOGETHER_RATE: Rate = { perSecond: 20, burst: 400 };
/** At least one event of each affected key is reported in this time. */
export const OWED_EVERY_MS = 60_000;
/** How many keys are remembered; beyond this, the key reported longest ago is forgotten. */
export const FAIR_KEYS_MAX = 65_536;

interface KeyState {
  readonly limit: RateLimit;
  /** `undefined` if nothing was reported yet. */
  reportedAt: Instant | undefined;
  withheld: number;
}

const ITSELF: Sample = {};

/** The rates of a fair sampler. */
interface FairRates {
  readonly ofKey: Rate;
  readonly together: Rate;
}

/** Samples events by key, so that no key takes what another is owed. */
export class FairSampler {
  readonly #together: RateLimit;
  readonly #makeState: () => KeyState;
  /** Ordered by when each was last reported. */
  readonly #keys = new BoundedMap<number, KeyState>(FAIR_KEYS_MAX, 'set longest ago');

  constructor({ ofKey, together }: FairRates = { ofKey: MACHINE_RATE, together: TOGETHER_RATE }) {
    this.#together = new RateLimit(together);
    this.#makeState = () => ({ limit: new RateLimit(ofKey), reportedAt: undefined, withheld: 0 });
  }

  /**
   * The fields to add to an event that is reported; `undefined` if it is withheld.
   *
   * @param count how many occurrences the event itself represents
   */
  take(key: number, now: Instant, count = 1): Sample | undefined {
    const state = this.#keys.getOrMake(key, this.#makeState);
    const { reportedAt } = state;
    // A clock that went back must not delay a key's events.
    const isOwed = reportedAt === undefined || now < reportedAt || now - reportedAt >= OWED_EVERY_MS;
    if (!isOwed && !(state.limit.has(now) && this.#together.allows(now))) {
      state.withheld += count;
      return undefined;
    }
    state.limit.allows(now);
    const { withheld } = state;
    state.reportedAt = now;
    state.withheld = 0;
    this.#keys.set(key, state);
    return withheld + count === 1 ? ITSELF : { count: withheld + count };
  }
}
