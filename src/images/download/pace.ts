// Measures how fast a body arrives. It stalls if no byte arrives for `stallMs`; it is slow if too few bytes arrive over `slowMs`; it is late if
// it is not whole after `wholeMs`.
//
// 1. Time counts only while this host reads. Waiting for the disk or the bandwidth limit does not count against the server.
// 2. A body that passes both checks arrives at `bytesPerSecondMin` or faster. Its size is bounded, so every attempt ends.

import type { Instant } from '../../clock.ts';

/** The limits that `judge` applies. */
interface PaceLimits {
  readonly stallMs: number;
  readonly bytesPerSecondMin: number;
  readonly slowMs: number;
  /** Undefined: any time. */
  readonly wholeMs?: number | undefined;
}

/** Why a body is given up. */
export type PaceFault =
  | { readonly kind: 'stalled'; readonly seconds: number }
  | { readonly kind: 'slow'; readonly seconds: number; readonly bytesPerSecond: number }
  | { readonly kind: 'late'; readonly seconds: number };

/** The weight of the newest second in the shown rate. */
const NEWEST_SHARE = 0.3;

/** The pace of one body. */
export class Pace {
  readonly #limits: PaceLimits;
  /** Time has been counted up to this instant. */
  #at: Instant;
  #isReading = true;
  /** Milliseconds during which this host was reading: in all, since the last byte, and within the window. */
  #wholeMs = 0;
  #silentMs = 0;
  #windowMs = 0;
  #windowBytes = 0;
  #rateAt: Instant;
  #rateBytes = 0;
  #bytesPerSecond: number | undefined;

  constructor(limits: PaceLimits, now: Instant) {
    this.#limits = limits;
    this.#at = now;
    this.#rateAt = now;
  }

  /** The rate for display: smoothed, including pauses. */
  get bytesPerSecond(): number {
    return Math.round(this.#bytesPerSecond ?? 0);
  }

  arrived(bytes: number, now: Instant): void {
    this.#count(now);
    this.#silentMs = 0;
    this.#windowBytes += bytes;
    this.#rateBytes += bytes;
  }

  /** Call it when this host pauses or resumes reading. */
  read(isReading: boolean, now: Instant): void {
    this.#count(now);
    this.#isReading = isReading;
  }

  /** Call it every second. @returns why to give up the body; undefined: keep reading */
  judge(now: Instant): PaceFault | undefined {
    this.#count(now);
    this.#updateRate(now);
    const { stallMs, slowMs, bytesPerSecondMin, wholeMs = Number.POSITIVE_INFINITY } = this.#limits;
    if (this.#silentMs >= stallMs) return { kind: 'stalled', seconds: Math.round(this.#silentMs / 1000) };
    if (this.#wholeMs >= wholeMs) return { kind: 'late', seconds: Math.round(this.#wholeMs / 1000) };
    if (this.#windowMs < slowMs) return undefined;
    const bytesPerSecond = (this.#windowBytes * 1000) / this.#windowMs;
    if (bytesPerSecond < bytesPerSecondMin) {
      return { kind: 'slow', seconds: Math.round(this.#windowMs / 1000), bytesPerSecond: Math.round(bytesPerSecond) };
    }
    this.#windowMs = 0;
    this.#windowBytes = 0;
    return undefined;
  }

  #count(now: Instant): void {
    const passedMs = Math.max(0, now - this.#at);
    this.#at = now;
    if (!this.#isReading) return;
    this.#wholeMs += passedMs;
    this.#silentMs += passedMs;
    this.#windowMs += passedMs;
  }

  #updateRate(now: Instant): void {
    const passedMs = now - this.#rateAt;
    if (passedMs <= 0) return;
    const newest = (this.#rateBytes * 1000) / passedMs;
    const known = this.#bytesPerSecond ?? newest;
    this.#bytesPerSecond = known + (newest - known) * NEWEST_SHARE;
    this.#rateAt = now;
    this.#rateBytes = 0;
  }
}
