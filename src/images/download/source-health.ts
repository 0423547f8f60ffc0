// How well the servers did that files come from. Kept in memory for the life of a queue.
//
// 1. A failure lowers a score, a success raises it, and both are forgotten with time: a score halves every HALF_LIFE_MS.
// 2. A score orders sources and excludes none: a server that was away is asked again when the others fail.

import { BoundedMap } from '../../bounded-map.ts';
import type { Instant } from '../../clock.ts';

const SERVERS_MAX = 256;
const HALF_LIFE_MS = 10 * 60_000;
const SUCCESS = 0.25;
const FAILURE = -0.5;
/** Smaller differences do not change the given order. */
const STEPS = 4;

interface Score {
  /** -1 to 1, as of `at`. */
  readonly value: number;
  readonly at: Instant;
}

/** The scores of servers, by origin. */
export class SourceHealth {
  readonly #scores = new BoundedMap<string, Score>(SERVERS_MAX, 'set longest ago');

  /** Takes note of an attempt at a server. */
  note(origin: string, succeeded: boolean, now: Instant): void {
    const value = this.#scoreOf(origin, now) + (succeeded ? SUCCESS : FAILURE);
    this.#scores.set(origin, { value: Math.max(-1, Math.min(1, value)), at: now });
  }

  /** The same sources, the healthiest first; equals stay in their order. */
  order<Source extends { readonly url: URL }>(sources: readonly Source[], now: Instant): Source[] {
    const rank = ({ url }: Source): number => Math.round(this.#scoreOf(url.origin, now) * STEPS);
    return sources.toSorted((one, other) => rank(other) - rank(one));
  }

  #scoreOf(origin: string, now: Instant): number {
    const score = this.#scores.get(origin);
    return score === undefined ? 0 : score.value * 0.5 ** (Math.max(0, now - score.at) / HALF_LIFE_MS);
  }
}
