// Keeps a flood of bad messages from becoming a flood of events: a token bucket for each reason. What is not published is
// counted, and the next published event says how many there were.
//
// 1. Reasons are closed unions, so the buckets are few.

import type { Instant } from '../clock.ts';

/** Events of one reason that are published at once. */
export const SAMPLE_BURST_MAX = 20;
/** Events of one reason that are published each second after that. */
export const SAMPLE_PER_SECOND = 2;

interface Bucket {
  tokens: number;
  filledAt: Instant;
  suppressed: number;
}

/** Decides which events of a reason are published. */
export class EventSampler {
  readonly #buckets = new Map<string, Bucket>();

  /** @returns how many were suppressed since the last one, if this one is to be published; undefined: it is not. */
  admit(reason: string, now: Instant): number | undefined {
    const bucket = this.#buckets.get(reason) ?? { tokens: SAMPLE_BURST_MAX, filledAt: now, suppressed: 0 };
    this.#buckets.set(reason, bucket);
    const earned = ((now - bucket.filledAt) / 1000) * SAMPLE_PER_SECOND;
    bucket.tokens = Math.min(SAMPLE_BURST_MAX, bucket.tokens + earned);
    bucket.filledAt = now;
    if (bucket.tokens < 1) {
      bucket.suppressed += 1;
      return undefined;
    }
    bucket.tokens -= 1;
    const { suppressed } = bucket;
    bucket.suppressed = 0;
    return suppressed;
  }
}
