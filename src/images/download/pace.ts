// Watches how fast a body arrives: no byte for long is a stall, and too few over a longer time are slow.
//
// 1. Time in which this host does not read, because its disk or its bandwidth limit holds it back, does not count against the server.
// 2. A body that continues neither stalled nor slow has at least `bytesPerSecondMin`, so with a bound on bytes every attempt ends.

import type { Instant } from '../../clock.ts';

/** The bounds of a pace. */
interface PaceLimits {
  readonly stallMs: number;
  readonly bytesPerSecondMin: number;
  readonly slowMs: number;
}

/** A body that is too slow. */
export type PaceFault =
  | { readonly kind: 'stalled'; readonly seconds: number }
  | { readonly kind: 'slow'; readonly seconds: number; readonly bytesPerSecond: number };

/** The weight of the newest second in the shown rate. */
const NEWEST_SHARE = 0.3;

/** The pace of one body. */
export class Pace {
  readonly #limits: PaceLimits;
  /** Up to here the time is counted. */
  #at: Instant;
  #isReading = true;
  /** Time in which this host read, in milliseconds: since the last byte, and in the window. */
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

  /** For people: smoothed, pauses included. */
  get bytesPerSecond(): number {
    return Math.round(this.#bytesPerSecond ?? 0);
  }

  arrived(bytes: number, now: Instant): void {
    this.#count(now);
    this.#silentMs = 0;
    this.#windowBytes += bytes;
    this.#rateBytes += bytes;
  }

  /** This host reads no more, or reads again. */
  read(isReading: boolean, now: Instant): void {
    this.#count(now);
    this.#isReading = isReading;
  }

  /** Call it every second. @returns the reason to give the body up; undefined: none */
  judge(now: Instant): PaceFault | undefined {
    this.#count(now);
    this.#reckonRate(now);
    const { stallMs, slowMs, bytesPerSecondMin } = this.#limits;
    if (this.#silentMs >= stallMs) return { kind: 'stalled', seconds: Math.round(this.#silentMs / 1000) };
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
    this.#silentMs += passedMs;
    this.#windowMs += passedMs;
  }

  #reckonRate(now: Instant): void {
    const passedMs = now - this.#rateAt;
    if (passedMs <= 0) return;
    const newest = (this.#rateBytes * 1000) / passedMs;
    const known = this.#bytesPerSecond ?? newest;
    this.#bytesPerSecond = known + (newest - known) * NEWEST_SHARE;
    this.#rateAt = now;
    this.#rateBytes = 0;
  }
}
