// Reads the body of an answer, no faster than its consumer and the bandwidth allow, and no slower
// than the settings allow.
//
// 1. Reading always ends. undici ends a body that stalls. This file ends a body that is slow, late
//    or too long.
// 2. Time spent waiting for the consumer or for bandwidth does not count as slowness of the server.

import { type Clock, type Instant, later } from '../../ground/clock.ts';
import { osErrorCode } from '../../ground/errors.ts';
import { type AttemptFault, cleanDetail, DownloadError } from './fault.ts';
import { parseBodyLength } from './range-answer.ts';
import type { DownloadSettings } from './settings.ts';
import { sleepUntil } from './sleep-until.ts';
import type { WebAnswer } from './web-client.ts';

/** The interval at which the shown rate changes. NEWEST_SHARE is the weight of the newest interval in it. */
const RATE_MS = 1000;
const NEWEST_SHARE = 0.3;
const BURST_MS = 100;

/**
 * A token bucket that all downloads share. A reader waits until there are tokens for the bytes that
 * it has read.
 */
export class Bandwidth {
  #bytesPerSecond: number | undefined;
  #tokens = 0;
  #updatedAt: Instant | undefined;

  /** @param bytesPerSecond if undefined, there is no limit */
  constructor(bytesPerSecond: number | undefined) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  limit(bytesPerSecond: number | undefined): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#tokens = 0;
  }

  /** Counts bytes that have arrived. @returns how long their reader must wait, in milliseconds */
  charge(bytes: number, now: Instant): number {
    const rate = this.#bytesPerSecond;
    const passedMs = Math.max(0, now - (this.#updatedAt ?? now));
    this.#updatedAt = now;
    if (rate === undefined) return 0;
    this.#tokens = Math.min((rate * BURST_MS) / 1000, this.#tokens + (rate * passedMs) / 1000) - bytes;
    return this.#tokens >= 0 ? 0 : (-this.#tokens * 1000) / rate;
  }
}

export interface BodyDeps {
  readonly clock: Clock;
  readonly bandwidth: Bandwidth;
  readonly settings: DownloadSettings;
}

interface BodyOptions {
  /** The offset of the body in the file. */
  readonly offset: number;
  /** The size of the whole file. Undefined if unknown. */
  readonly total: number | undefined;
  readonly bytesMax: number;
  /** The longest time for the body. Undefined if there is no limit. */
  readonly timeoutMs?: number | undefined;
  /** @param bytesPerSecond the rate for display */
  readonly consume: (bytes: Uint8Array, bytesPerSecond: number) => Promise<void> | void;
}

/** Reads a body. @returns false if the signal came first @throws DownloadError; the error of `consume` */
export async function readBody(
  answer: WebAnswer,
  { clock, bandwidth, settings }: BodyDeps,
  { offset, total, bytesMax, timeoutMs = Number.POSITIVE_INFINITY, consume }: BodyOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { host } = answer.url;
  const { slowMs, bytesPerSecondMin } = settings;
  const bytesAllowed = Math.min(total ?? bytesMax, bytesMax);
  const expected =
    total ??
    (parseBodyLength(answer.headers) === undefined ? undefined : offset + (parseBodyLength(answer.headers) ?? 0));
  const fail = (fault: AttemptFault, cause?: unknown): never => {
    throw new DownloadError(fault, cause);
  };
  const pieces = answer.body[Symbol.asyncIterator]();
  const rate = new SmoothedRate(clock.now());
  let bytes = offset;
  let readMs = 0;
  let window = { ms: 0, bytes: 0 };
  try {
    for (;;) {
      const readStart = clock.now();
      const result = await pieces.next().catch((error: unknown) => ({ error }));
      if (signal.aborted) return false;
      if ('error' in result) {
        const isSilent = osErrorCode(result.error) === 'UND_ERR_BODY_TIMEOUT';
        const seconds = Math.round(settings.stallMs / 1000);
        if (isSilent) fail({ code: 'stalled', params: { host, seconds } }, result.error);
        return fail(
          { code: 'cut', params: { host, bytes, total: expected, detail: cleanDetail(result.error) } },
          result.error,
        );
      }
      if (result.done === true) break;
      const piece: Uint8Array = result.value;
      const { length } = piece;
      const now = clock.now();
      readMs += now - readStart;
      window = { ms: window.ms + now - readStart, bytes: window.bytes + length };
      if (bytes + length > bytesAllowed) fail({ code: 'too-large', params: { host, bytesMax: bytesAllowed } });
      bytes += length;
      if (readMs >= timeoutMs) fail({ code: 'late', params: { host, seconds: Math.round(readMs / 1000), bytes } });
      if (window.ms >= slowMs) {
        const bytesPerSecond = Math.round((window.bytes * 1000) / window.ms);
        const params = { host, seconds: Math.round(window.ms / 1000), bytesPerSecond, bytesPerSecondMin };
        if (bytesPerSecond < bytesPerSecondMin) fail({ code: 'slow', params });
        window = { ms: 0, bytes: 0 };
      }
      await consume(piece, rate.add(length, now));
      const waitMs = bandwidth.charge(length, now);
      if (waitMs > 0) await sleepUntil(later(clock.now(), waitMs), clock, signal);
    }
    if (expected !== undefined && bytes < expected)
      fail({ code: 'cut', params: { host, bytes, total: expected, detail: 'it is too short' } });
    return true;
  } finally {
    answer.close();
  }
}

/** The rate for display: smoothed, including pauses. */
class SmoothedRate {
  #measuredAt: Instant;
  #bytes = 0;
  #bytesPerSecond: number | undefined;

  constructor(now: Instant) {
    this.#measuredAt = now;
  }

  add(bytes: number, now: Instant): number {
    this.#bytes += bytes;
    const passedMs = now - this.#measuredAt;
    if (passedMs >= RATE_MS) {
      const newest = (this.#bytes * 1000) / passedMs;
      const previous = this.#bytesPerSecond ?? newest;
      this.#bytesPerSecond = previous + (newest - previous) * NEWEST_SHARE;
      this.#measuredAt = now;
      this.#bytes = 0;
    }
    return Math.round(this.#bytesPerSecond ?? 0);
  }
}
