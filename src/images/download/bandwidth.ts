// The bandwidth that all downloads share: a token bucket over bytes.
//
// 1. Bytes are counted after they have arrived, so the bucket can go into debt, and readers wait until the debt is paid. Over time the rate
//    holds for any number of readers, and each reader gets its share.
// 2. The bucket is small, so the rate is smooth: no burst is longer than BURST_MS.

import type { Instant } from '../../clock.ts';

const BURST_MS = 100;

/** A shared limit. */
export class Bandwidth {
  #bytesPerSecond: number | undefined;
  #tokens = 0;
  #at: Instant | undefined;

  /** @param bytesPerSecond more than 0; undefined: no limit */
  constructor(bytesPerSecond: number | undefined) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Changes the limit from the next bytes on. */
  limit(bytesPerSecond: number | undefined): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#tokens = 0;
  }

  /** Counts bytes that have arrived. @returns how long their reader must wait before it reads on, in milliseconds */
  take(bytes: number, now: Instant): number {
    const rate = this.#bytesPerSecond;
    const passedMs = Math.max(0, now - (this.#at ?? now));
    this.#at = now;
    if (rate === undefined) return 0;
    this.#tokens = Math.min((rate * BURST_MS) / 1000, this.#tokens + (rate * passedMs) / 1000) - bytes;
    return this.#tokens >= 0 ? 0 : (-this.#tokens * 1000) / rate;
  }
}
