// Decides which source of a file to try next, and when.
//
//   round: each source once, in order ─▶ pause, twice as long each time ─▶ next round ─▶ … ─▶ give up
//             └─ a fault that only a person can fix: the source is excluded. Without sources, the plan gives up at once
//
// 1. After `roundsMax` rounds without progress the plan gives up, so every download ends.
// 2. Progress means PROGRESS_BYTES more than at the last progress. A file that keeps starting over
//    makes none.
// 3. A server that failed lately comes last, as long as the queue exists.
// 4. A server's Retry-After is honoured up to RETRY_AFTER_MS_MAX. Other sources are tried meanwhile.

import { BoundedMap } from '../../ground/bounded-map.ts';
import { type Clock, type Instant, later } from '../../ground/clock.ts';
import { type AttemptFault, decideProspect } from './fault.ts';
import type { DownloadSettings } from './settings.ts';

/**
 * The new bytes that count as progress. With fewer, a server that sends one byte per attempt would
 * be tried for ever.
 */
const PROGRESS_BYTES = 1024 * 1024;
const RETRY_AFTER_MS_MAX = 15 * 60_000;
const SERVERS_MAX = 256;
const FAILURE_REMEMBERED_MS = 10 * 60_000;

/** Remembers when each server failed last, by origin. */
export class SourceHealth {
  readonly #failureTimes = new BoundedMap<string, Instant>(SERVERS_MAX, 'set longest ago');

  recordOutcome({ origin }: URL, succeeded: boolean, now: Instant): void {
    if (succeeded) this.#failureTimes.delete(origin);
    else this.#failureTimes.set(origin, now);
  }

  hasFailedRecently({ origin }: URL, now: Instant): boolean {
    const failureTime = this.#failureTimes.get(origin);
    return failureTime !== undefined && now - failureTime < FAILURE_REMEMBERED_MS;
  }
}

interface Source {
  readonly url: URL;
  isExcluded: boolean;
  isTried: boolean;
  /** Undefined if it may be asked at any time. */
  notBefore: Instant | undefined;
}

type NextStep =
  | { readonly kind: 'ask'; readonly url: URL }
  | { readonly kind: 'wait'; readonly until: Instant }
  | { readonly kind: 'give-up' };

export class SourcePlan {
  readonly #sources: readonly Source[];
  readonly #health: SourceHealth;
  readonly #clock: Clock;
  readonly #settings: Pick<DownloadSettings, 'pauseMs' | 'pauseMsMax' | 'roundsMax'>;
  #rounds = 0;
  #resumeAt: Instant | undefined;
  #progressBytes = 0;

  constructor(
    urls: readonly URL[],
    health: SourceHealth,
    clock: Clock,
    settings: Pick<DownloadSettings, 'pauseMs' | 'pauseMsMax' | 'roundsMax'>,
  ) {
    this.#sources = urls.map((url) => ({ url, isExcluded: false, isTried: false, notBefore: undefined }));
    this.#health = health;
    this.#clock = clock;
    this.#settings = settings;
  }

  /** @param partSource the source of the part on the disk, which is tried first */
  next(partSource?: string): NextStep {
    const now = this.#clock.now();
    const remaining = this.#sources.filter(({ isExcluded }) => !isExcluded);
    if (remaining.length === 0 || this.#rounds >= this.#settings.roundsMax) return { kind: 'give-up' };
    if (this.#resumeAt !== undefined && this.#resumeAt > now) return { kind: 'wait', until: this.#resumeAt };
    const untried = remaining.filter(({ isTried }) => !isTried);
    if (untried.length === 0) return this.#endRound(remaining, now);
    const ready = untried.filter(({ notBefore = now }) => notBefore <= now);
    if (ready.length === 0) {
      const until = Math.min(...untried.map(({ notBefore = now }) => notBefore));
      return { kind: 'wait', until: later(now, until - now) };
    }
    const [best] = ready.toSorted(
      (source, other) => this.#rank(source, partSource, now) - this.#rank(other, partSource, now),
    );
    return best === undefined ? { kind: 'give-up' } : { kind: 'ask', url: best.url };
  }

  #rank({ url }: Source, kept: string | undefined, now: Instant): number {
    if (url.href === kept) return 0;
    return this.#health.hasFailedRecently(url, now) ? 2 : 1;
  }

  /** Records a failure. @param bytes of the file that this host has now */
  recordFailure(url: URL, fault: AttemptFault, bytes: number): void {
    const now = this.#clock.now();
    for (const source of this.#sources.filter((candidate) => candidate.url === url)) {
      source.isTried = true;
      source.isExcluded ||= decideProspect(fault) !== 'later';
      if (fault.code === 'busy')
        source.notBefore = later(now, Math.min((fault.params.seconds ?? 0) * 1000, RETRY_AFTER_MS_MAX));
    }
    this.#health.recordOutcome(url, false, now);
    if (bytes < this.#progressBytes + PROGRESS_BYTES) return;
    this.#progressBytes = bytes;
    this.#rounds = 0;
  }

  /** Excludes a server that has the wrong file. */
  exclude(href: string): void {
    for (const source of this.#sources) source.isExcluded ||= source.url.href === href;
  }

  recordSuccess(url: URL): void {
    this.#health.recordOutcome(url, true, this.#clock.now());
  }

  #endRound(remaining: readonly Source[], now: Instant): NextStep {
    const { pauseMs, pauseMsMax, roundsMax } = this.#settings;
    this.#rounds += 1;
    for (const source of remaining) source.isTried = false;
    if (this.#rounds >= roundsMax) return { kind: 'give-up' };
    const [randomByte = 0] = this.#clock.randomBytes(1);
    const fullPauseMs = Math.min(pauseMsMax, pauseMs * 2 ** (this.#rounds - 1));
    // A random pause between half and all of it, so that many racks do not return to a mirror at
    // the same time.
    this.#resumeAt = later(now, fullPauseMs * (0.5 + randomByte / 512));
    return { kind: 'wait', until: this.#resumeAt };
  }
}
