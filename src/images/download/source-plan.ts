// Decides which source of a file to try next, and when.
//
//   round: each source once, in order ─▶ pause, twice as long each time ─▶ next round ─▶ … ─▶ give up
//             └─ a fault that only a person can fix: the source is excluded; when none is left, the plan gives up at once
//
// 1. After `roundsMax` rounds without progress the plan gives up, so every download ends.
// 2. Progress means PROGRESS_BYTES more than at the last progress, which a file that keeps starting
//    over never has.
// 3. A server that failed lately comes last, while the queue lives.
// 4. A server's Retry-After is honoured up to RETRY_AFTER_MS_MAX; other sources are tried meanwhile.

import { BoundedMap } from '../../ground/bounded-map.ts';
import { type Clock, type Instant, later } from '../../ground/clock.ts';
import { type AttemptFault, decideProspect } from './fault.ts';
import type { DownloadSettings } from './settings.ts';

/** Otherwise a server that sends one byte per attempt would be tried forever. */
const PROGRESS_BYTES = 1024 * 1024;
const RETRY_AFTER_MS_MAX = 15 * 60_000;
const SERVERS_MAX = 256;
const FAILED_MS = 10 * 60_000;

/** When each server failed last, by origin. */
export class SourceHealth {
  readonly #failedAt = new BoundedMap<string, Instant>(SERVERS_MAX, 'set longest ago');

  note({ origin }: URL, succeeded: boolean, now: Instant): void {
    if (succeeded) this.#failedAt.delete(origin);
    else this.#failedAt.set(origin, now);
  }

  isPoor({ origin }: URL, now: Instant): boolean {
    const at = this.#failedAt.get(origin);
    return at !== undefined && now - at < FAILED_MS;
  }
}

interface Source {
  readonly url: URL;
  isExcluded: boolean;
  isTried: boolean;
  /** Undefined: at any time. */
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
  #mostBytes = 0;

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

  /** @param kept the source of the part on the disk, which is tried first */
  next(kept?: string): NextStep {
    const now = this.#clock.now();
    const left = this.#sources.filter(({ isExcluded }) => !isExcluded);
    if (left.length === 0 || this.#rounds >= this.#settings.roundsMax) return { kind: 'give-up' };
    if (this.#resumeAt !== undefined && this.#resumeAt > now) return { kind: 'wait', until: this.#resumeAt };
    const untried = left.filter(({ isTried }) => !isTried);
    if (untried.length === 0) return this.#endRound(left, now);
    const ready = untried.filter(({ notBefore = now }) => notBefore <= now);
    if (ready.length === 0) {
      const until = Math.min(...untried.map(({ notBefore = now }) => notBefore));
      return { kind: 'wait', until: later(now, until - now) };
    }
    const [best] = ready.toSorted((source, other) => this.#rank(source, kept, now) - this.#rank(other, kept, now));
    return best === undefined ? { kind: 'give-up' } : { kind: 'ask', url: best.url };
  }

  #rank({ url }: Source, kept: string | undefined, now: Instant): number {
    if (url.href === kept) return 0;
    return this.#health.isPoor(url, now) ? 2 : 1;
  }

  /** @param bytes how much of the file this host has now */
  failed(url: URL, fault: AttemptFault, bytes: number): void {
    const now = this.#clock.now();
    for (const source of this.#sources.filter((candidate) => candidate.url === url)) {
      source.isTried = true;
      source.isExcluded ||= decideProspect(fault) !== 'later';
      if (fault.code === 'busy')
        source.notBefore = later(now, Math.min((fault.params.seconds ?? 0) * 1000, RETRY_AFTER_MS_MAX));
    }
    this.#health.note(url, false, now);
    if (bytes < this.#mostBytes + PROGRESS_BYTES) return;
    this.#mostBytes = bytes;
    this.#rounds = 0;
  }

  /** Excludes a server that has the wrong file. */
  exclude(href: string): void {
    for (const source of this.#sources) source.isExcluded ||= source.url.href === href;
  }

  succeeded(url: URL): void {
    this.#health.note(url, true, this.#clock.now());
  }

  #endRound(left: readonly Source[], now: Instant): NextStep {
    const { pauseMs, pauseMsMax, roundsMax } = this.#settings;
    this.#rounds += 1;
    for (const source of left) source.isTried = false;
    if (this.#rounds >= roundsMax) return { kind: 'give-up' };
    const [chance = 0] = this.#clock.randomBytes(1);
    const wholeMs = Math.min(pauseMsMax, pauseMs * 2 ** (this.#rounds - 1));
    // Half to all of it, so that many racks do not return to a mirror at once.
    this.#resumeAt = later(now, wholeMs * (0.5 + chance / 512));
    return { kind: 'wait', until: this.#resumeAt };
  }
}
