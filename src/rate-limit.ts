// How often something may happen that a stranger can cause at will: requests that are served, errors that are sent back, events
// that are published.
//
// 1. At most `burst` at once and `perSecond` in the long run.
// 2. Of events nothing is lost in the count: the next one that is published stands for those that were withheld before it.

import { BoundedMap } from './bounded-map.ts';
import type { Instant } from './clock.ts';

/** A bucket that holds `burst` permissions at the most and gets `perSecond` of them. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Events of one key: a person reads them. */
export const EVENT_RATE: Rate = { perSecond: 2, burst: 20 };

/** A bucket of permissions that fills with time; full at first. */
export class RateLimit {
  readonly #rate: Rate;
  #permissions: number;
  /** When there were so many. */
  #countedAt = Number.POSITIVE_INFINITY;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#permissions = rate.burst;
  }

  /** True when it may happen once more now; it is then taken as having happened. */
  allows(now: Instant): boolean {
    // A clock that went back gives nothing, and is believed from there on.
    if (now < this.#countedAt) this.#countedAt = now;
    const { perSecond, burst } = this.#rate;
    const permissions = Math.min(burst, this.#permissions + ((now - this.#countedAt) / 1000) * perSecond);
    if (permissions < 1) return false;
    this.#permissions = permissions - 1;
    this.#countedAt = now;
    return true;
  }

  /** True when `allows` would say so; nothing is taken. */
  has(now: Instant): boolean {
    const { perSecond, burst } = this.#rate;
    const passedMs = Math.max(0, now - this.#countedAt);
    return Math.min(burst, this.#permissions + (passedMs / 1000) * perSecond) >= 1;
  }

  /** What was taken as having happened is not counted after all. */
  giveBack(): void {
    this.#permissions = Math.min(this.#rate.burst, this.#permissions + 1);
  }
}

/** A bucket for each key. Its memory is bounded: beyond `keysMax` the key that came first is forgotten, and begins anew with a full bucket. */
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

/** What a published event says of those like it. */
export interface Sample {
  /** How many happenings it stands for: itself, and those withheld since the last one. Left out when it is 1. */
  readonly count?: number;
}

const ITSELF: Sample = {};

/** The events of one key. */
interface Sampled {
  readonly limit: RateLimit;
  withheld: number;
}

/** Lets some events of each key through, and counts those it withholds. Its memory is bounded by the number of keys. */
export class EventSampler<Key = string> {
  readonly #keys: BoundedMap<Key, Sampled>;
  readonly #make: () => Sampled;

  /** @param keysMax beyond so many the key that came first is forgotten, with what was withheld of it; a closed union needs none */
  constructor(rate = EVENT_RATE, keysMax = Number.POSITIVE_INFINITY) {
    this.#keys = new BoundedMap(keysMax, 'set longest ago');
    this.#make = () => ({ limit: new RateLimit(rate), withheld: 0 });
  }

  /** The fields to add to an event that is to be published; undefined: it is withheld. */
  take(key: Key, now: Instant): Sample | undefined {
    const known = this.#keys.getOrMake(key, this.#make);
    if (!known.limit.allows(now)) {
      known.withheld += 1;
      return undefined;
    }
    const { withheld } = known;
    known.withheld = 0;
    return withheld === 0 ? ITSELF : { count: withheld + 1 };
  }
}
