// Scores how reliably each server sends files. The scores are kept in memory for the life of a queue.
//
// 1. A failure lowers a score, and a success raises it. A score halves every HALF_LIFE_MS, so old results are forgotten.
// 2. Scores only order the sources. A server that was down is tried again when the others fail.

import { BoundedMap } from '../../bounded-map.ts';
import type { Instant } from '../../clock.ts';

const SERVERS_MAX = 256;
const HALF_LIFE_MS = 10 * 60_000;
const SUCCESS = 0.25;
const FAILURE = -0.5;
/** Scores are rounded to 1/STEPS, so that small differences keep the given order. */
const STEPS = 4;

interface Score {
  /** -1 to 1, as of `at`. */
  readonly value: number;
  readonly at: Instant;
}

/** The scores of servers, by origin. */
export class SourceHealth {
  readonly #scores = new BoundedMap<string, Score>(SERVERS_MAX, 'set longest ago');

  /** Records the result of an attempt at a server. */
  note(origin: string, succeeded: boolean, now: Instant): void {
    const value = this.#scoreOf(origin, now) + (succeeded ? SUCCESS : FAILURE);
    this.#scores.set(origin, { value: Math.max(-1, Math.min(1, value)), at: now });
  }

  /** The sources, healthiest first. Equally healthy ones keep their order. */
  order<Source extends { readonly url: URL }>(sources: readonly Source[], now: Instant): Source[] {
    return sources.toSorted((one, other) => this.#rankOf(other, now) - this.#rankOf(one, now));
  }

  /** True if the server of a source has failed lately. */
  isPoor(source: { readonly url: URL }, now: Instant): boolean {
    return this.#rankOf(source, now) < 0;
  }

  #rankOf({ url }: { readonly url: URL }, now: Instant): number {
    return Math.round(this.#scoreOf(url.origin, now) * STEPS);
  }

  #scoreOf(origin: string, now: Instant): number {
    const score = this.#scores.get(origin);
    return score === undefined ? 0 : score.value * 0.5 ** (Math.max(0, now - score.at) / HALF_LIFE_MS);
  }
}
