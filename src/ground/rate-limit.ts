// Limits how often strangers can trigger something: a served request, an error reply, a published event.
//
// 1. At most `burst` at once and `perSecond` on average.
// 2. No event is lost from the count: the next published one stands for those withheld.

import { BoundedMap } from './bounded-map.ts';
import type { Instant } from './clock.ts';

/** At most `burst` permissions, refilled with `perSecond`. */
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
  #countedAt = Number.POSITIVE_INFINITY;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#permissions = rate.burst;
  }

  /** Takes a permission if there is one; false if not. */
  allows(now: Instant): boolean {
    // A clock that went back adds nothing.
    if (now < this.#countedAt) this.#countedAt = now;
    const { perSecond, burst } = this.#rate;
    const permissions = Math.min(burst, this.#permissions + ((now - this.#countedAt) / 1000) * perSecond);
    if (permissions < 1) return false;
    this.#permissions = permissions - 1;
    this.#countedAt = now;
    return true;
  }

  /** Like `allows`, but takes nothing. */
  has(now: Instant): boolean {
    const { perSecond, burst } = this.#rate;
    const passedMs = Math.max(0, now - this.#countedAt);
    return Math.min(burst, this.#permissions + (passedMs / 1000) * perSecond) >= 1;
  }

  /** Returns a permission that was not used. */
  giveBack(): void {
    this.#permissions = Math.min(this.#rate.burst, this.#permissions + 1);
  }
}

/**
 * One bucket per key. Beyond `keysMax` the oldest key is forgotten; if it returns, it starts with a
 * full bucket.
 */
export class RateLimits<Key> {
  readonly #limits: BoundedMap<Key, RateLimit>;
  readonly #makeLimit: () => RateLimit;

  constructor(rate: Rate, keysMax: number) {
    this.#limits = new BoundedMap(keysMax, 'set longest ago');
    this.#makeLimit = () => new RateLimit(rate);
  }

  /** The bucket of a key. */
  getBucket(key: Key): RateLimit {
    return this.#limits.getOrMake(key, this.#makeLimit);
  }

  allows(key: Key, now: Instant): boolean {
    return this.getBucket(key).allows(now);
  }

  /** Like `allows`, but takes nothing, and remembers no key. */
  has(key: Key, now: Instant): boolean {
    return this.#limits.get(key)?.has(now) !== false;
  }

  giveBack(key: Key): void {
    this.#limits.get(key)?.giveBack();
  }
}

export interface Sample {
  /**
   * The occurrences that it stands for: itself, and those withheld since the last one. Omitted when
   * it is 1.
   */
  readonly count?: number;
}

const ITSELF: Sample = {};

interface KeyState {
  readonly limit: RateLimit;
  withheld: number;
}

/** Passes some events of each key and counts the rest. */
export class EventSampler<Key = string> {
  readonly #keys: BoundedMap<Key, KeyState>;
  readonly #makeState: () => KeyState;

  /** @param keysMax beyond it the oldest key is forgotten with its count; a closed union needs no bound */
  constructor(rate = EVENT_RATE, keysMax = Number.POSITIVE_INFINITY) {
    this.#keys = new BoundedMap(keysMax, 'set longest ago');
    this.#makeState = () => ({ limit: new RateLimit(rate), withheld: 0 });
  }

  /**
   * `undefined` if the event is withheld.
   *
   * @param count how many occurrences the event itself represents
   */
  take(key: Key, now: Instant, count = 1): Sample | undefined {
    const state = this.#keys.getOrMake(key, this.#makeState);
    if (!state.limit.allows(now)) {
      state.withheld += count;
      return undefined;
    }
    const { withheld } = state;
    state.withheld = 0;
    return withheld + count === 1 ? ITSELF : { count: withheld + count };
  }
}
