// Reads the body of an answer, no faster than its taker and the bandwidth allow, no slower than the
// settings do.
//
// 1. Reading always ends: undici ends a silent body, this file a slow, late or too long one.
// 2. Waiting for the taker or for bandwidth does not count against the server.

import { type Clock, type Instant, later } from '../../ground/clock.ts';
import { osErrorCode } from '../../ground/errors.ts';
import { type AttemptFault, cleanSaid, DownloadError } from './fault.ts';
import { parseBodyLength } from './range-answer.ts';
import type { DownloadSettings } from './settings.ts';
import { sleepUntil } from './sleep-until.ts';
import type { WebAnswer } from './web-client.ts';

/** The shown rate changes this often; also the weight of the newest time in it. */
const RATE_MS = 1000;
const NEWEST_SHARE = 0.3;
const BURST_MS = 100;

/** All downloads share it: readers wait until the bytes that have arrived are paid for. */
export class Bandwidth {
  #bytesPerSecond: number | undefined;
  #tokens = 0;
  #at: Instant | undefined;

  /** @param bytesPerSecond undefined: no limit */
  constructor(bytesPerSecond: number | undefined) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  limit(bytesPerSecond: number | undefined): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#tokens = 0;
  }

  /** Counts bytes that have arrived. @returns how long their reader must wait, in milliseconds */
  take(bytes: number, now: Instant): number {
    const rate = this.#bytesPerSecond;
    const passedMs = Math.max(0, now - (this.#at ?? now));
    this.#at = now;
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
  /** How many bytes of the file precede the body. */
  readonly at: number;
  /** Of the whole file; undefined: unknown. */
  readonly total: number | undefined;
  readonly bytesMax: number;
  /** The longest time for the body; undefined: any. */
  readonly wholeMs?: number | undefined;
  /** @param bytesPerSecond the rate for display */
  readonly take: (bytes: Uint8Array, bytesPerSecond: number) => Promise<void> | void;
}

/** Reads a body. @returns false if the signal came first @throws DownloadError; the error of `take` */
export async function readBody(
  answer: WebAnswer,
  { clock, bandwidth, settings }: BodyDeps,
  { at, total, bytesMax, wholeMs = Number.POSITIVE_INFINITY, take }: BodyOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { host } = answer.url;
  const { slowMs, bytesPerSecondMin } = settings;
  const most = Math.min(total ?? bytesMax, bytesMax);
  const expected =
    total ?? (parseBodyLength(answer.headers) === undefined ? undefined : at + (parseBodyLength(answer.headers) ?? 0));
  const fail = (fault: AttemptFault, cause?: unknown): never => {
    throw new DownloadError(fault, cause);
  };
  const pieces = answer.body[Symbol.asyncIterator]();
  const rate = new Rate(clock.now());
  let bytes = at;
  let readMs = 0;
  let window = { ms: 0, bytes: 0 };
  try {
    for (;;) {
      const began = clock.now();
      const next = await pieces.next().catch((error: unknown) => ({ error }));
      if (signal.aborted) return false;
      if ('error' in next) {
        const isSilent = osErrorCode(next.error) === 'UND_ERR_BODY_TIMEOUT';
        const seconds = Math.round(settings.stallMs / 1000);
        if (isSilent) fail({ code: 'stalled', params: { host, seconds } }, next.error);
        return fail(
          { code: 'cut', params: { host, bytes, total: expected, detail: cleanSaid(next.error) } },
          next.error,
        );
      }
      if (next.done === true) break;
      const piece: Uint8Array = next.value;
      const { length } = piece;
      const now = clock.now();
      readMs += now - began;
      window = { ms: window.ms + now - began, bytes: window.bytes + length };
      if (bytes + length > most) fail({ code: 'too-large', params: { host, bytesMax: most } });
      bytes += length;
      if (readMs >= wholeMs) fail({ code: 'late', params: { host, seconds: Math.round(readMs / 1000), bytes } });
      if (window.ms >= slowMs) {
        const bytesPerSecond = Math.round((window.bytes * 1000) / window.ms);
        const params = { host, seconds: Math.round(window.ms / 1000), bytesPerSecond, bytesPerSecondMin };
        if (bytesPerSecond < bytesPerSecondMin) fail({ code: 'slow', params });
        window = { ms: 0, bytes: 0 };
      }
      await take(piece, rate.arrived(length, now));
      const waitMs = bandwidth.take(length, now);
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
class Rate {
  #at: Instant;
  #bytes = 0;
  #bytesPerSecond: number | undefined;

  constructor(now: Instant) {
    this.#at = now;
  }

  arrived(bytes: number, now: Instant): number {
    this.#bytes += bytes;
    const passedMs = now - this.#at;
    if (passedMs >= RATE_MS) {
      const newest = (this.#bytes * 1000) / passedMs;
      const former = this.#bytesPerSecond ?? newest;
      this.#bytesPerSecond = former + (newest - former) * NEWEST_SHARE;
      this.#at = now;
      this.#bytes = 0;
    }
    return Math.round(this.#bytesPerSecond ?? 0);
  }
}
