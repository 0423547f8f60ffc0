// Limits how often strangers can trigger something: a served request, an error reply, a published event.
//
// 1. At most `burst` at once and `perSecond` on average.
// 2. No event is lost from the count: the next published one stands for those withheld before it.

import { BoundedMap } from './bounded-map.ts';
import type { Instant } from './clock.ts';

/** A token bucket: at most `burst` permissions, refilled with `perSecond`. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Events of one key: slow enough for a person to read. */
export const EVENT_RATE: Rate = { perSecond: 2, burst: 20 };

/** A token bucket that starts full. */
export class RateLimit {
  readonly #rate: Rate;
  #permissions: number;
  /** When `#permissions` was last computed. */
  #countedAt = Number.POSITIVE_INFINITY;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#permissions = rate.burst;
  }

  /** True when it may happen once more now; it is then taken as having happened. */
  allows(now: Instant): boolean {
    // A clock that went back adds nothing; count from its new time.
    if (now < this.#countedAt) this.#countedAt = now;
    const { perSecond, burst } = this.#rate;
    const permissions = Math.min(burst, this.#permissions + ((now - this.#countedAt) / 1000) * perSecond);
    if (permissions < 1) return false;
    this.#permissions = permissions - 1;
    this.#countedAt = now;
    return true;
  }

  /** True if `allows` would return true; takes nothing. */
  has(now: Instant): boolean {
    const { perSecond, burst } = this.#rate;
    const passedMs = Math.max(0, now - this.#countedAt);
    return Math.min(burst, this.#permissions + (passedMs / 1000) * perSecond) >= 1;
  }

  /** Returns one permission that was taken but not used. */
  giveBack(): void {
    this.#permissions = Math.min(this.#rate.burst, this.#permissions + 1);
  }
}

/** One bucket per key. Beyond `keysMax` the oldest key is forgotten; if it returns, it starts with a full bucket. */
export class RateLimits<Key> {
  readonly #limits: BoundedMap<Key, RateLimit>;
  readonly #make: () => RateLimit;

  constructor(rate: Rate, keysMax: number) {
    this.#limits = new BoundedMap(keysMax, 'set longest ago');
    this.#make = () => new RateLimit(rate);
  }

  /** True when it may happen once more now for this key; it is then taken as having happened. */
  allows(key: Key, now: Instant): boolean {
    return this.#limits.getOrMake(key, this.#make).allows(now);
  }
}

/** The sampling fields of a published event. */
export interface Sample {
  /** How many occurrences it stands for: itself, and those withheld since the last one. Omitted when it is 1. */
  readonly count?: number;
}

const ITSELF: Sample = {};

/** The events of one key. */
interface Sampled {
  readonly limit: RateLimit;
  withheld: number;
}

/** Passes some events of each key and counts the rest. Memory is bounded by the number of keys. */
export class EventSampler<Key = string> {
  readonly #keys: BoundedMap<Key, Sampled>;
  readonly #make: () => Sampled;

  /** @param keysMax beyond it the oldest key is forgotten, with its withheld count; a closed union needs no bound */
  constructor(rate = EVENT_RATE, keysMax = Number.POSITIVE_INFINITY) {
    this.#keys = new BoundedMap(keysMax, 'set longest ago');
    this.#make = () => ({ limit: new RateLimit(rate), withheld: 0 });
  }

  /**
   * The fields to add to the event; undefined: withhold it.
   *
   * @param count how many occurrences the event itself represents
   */
  take(key: Key, now: Instant, count = 1): Sample | undefined {
    const known = this.#keys.getOrMake(key, this.#make);
    if (!known.limit.allows(now)) {
      known.withheld += count;
      return undefined;
    }
    const { withheld } = known;
    known.withheld = 0;
    return withheld + count === 1 ? ITSELF : { count: withheld + count };
  }
}
