// Decides which source of a file to try next, and when.
//
//   round: each source once, the healthiest first ─▶ pause, twice as long each time ─▶ next round ─▶ … ─▶ give up
//                 └─ a fault that only a person can fix: the source is excluded; when none is left, the plan gives up at once
//
// 1. After `roundsMax` rounds without progress the plan gives up, so a download ends whatever its sources do.
// 2. A download makes progress when it has PROGRESS_BYTES more than at its last progress. A file that keeps starting over makes none.
// 3. The own URL of a file comes before healthier ones of other sites, which could otherwise gain its download, and hold it by sending slowly.
// 4. A server's Retry-After is honoured, up to RETRY_AFTER_MS_MAX. Meanwhile other sources are tried.

import { type Clock, type Instant, later } from '../../clock.ts';
import { type AttemptFault, prospectOf } from './fault.ts';
import type { DownloadSettings } from './settings.ts';
import type { SourceHealth } from './source-health.ts';

/** Fewer new bytes do not count as progress. Otherwise a server that sends one byte per attempt would be tried forever. */
const PROGRESS_BYTES = 1024 * 1024;
const RETRY_AFTER_MS_MAX = 15 * 60_000;

/** A server that may have the file. */
export interface Source {
  readonly url: URL;
}

interface PlannedSource extends Source {
  readonly isOwn: boolean;
  isExcluded: boolean;
  isTried: boolean;
  /** Undefined: at any time. */
  notBefore: Instant | undefined;
}

/** The next step. */
type NextStep =
  /** Try the first of these that has a free place. */
  | { readonly kind: 'ask'; readonly sources: readonly Source[] }
  | { readonly kind: 'wait'; readonly until: Instant }
  | { readonly kind: 'give-up' };

/** The plan of one download. */
export class SourcePlan {
  readonly #sources: readonly PlannedSource[];
  readonly #health: SourceHealth;
  readonly #clock: Clock;
  readonly #settings: Pick<DownloadSettings, 'pauseMs' | 'pauseMsMax' | 'roundsMax'>;
  #rounds = 0;
  #resumeAt: Instant | undefined;
  #mostBytes = 0;

  /** @param isFirstOwn as in DownloadRequest */
  constructor(
    urls: readonly URL[],
    health: SourceHealth,
    clock: Clock,
    settings: Pick<DownloadSettings, 'pauseMs' | 'pauseMsMax' | 'roundsMax'>,
    isFirstOwn = false,
  ) {
    this.#sources = urls.map((url, at) => ({
      url,
      isOwn: isFirstOwn && at === 0,
      isExcluded: false,
      isTried: false,
      notBefore: undefined,
    }));
    this.#health = health;
    this.#clock = clock;
    this.#settings = settings;
  }

  /** @param kept the URL from which the part on the disk came, tried first so that the part can be continued; undefined: no preference */
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
    const ordered = this.#health.order(ready, now);
    const own = ordered.filter((source) => source.isOwn && !this.#health.isPoor(source, now));
    const first = ordered.filter(({ url }) => url.href === kept);
    return { kind: 'ask', sources: [...new Set([...first, ...own, ...ordered])] };
  }

  /** Call it after a failed attempt. @param bytes how much of the file this host has now */
  failed(source: Source, fault: AttemptFault, bytes: number): void {
    const planned = this.#sources.find(({ url }) => url === source.url);
    if (planned === undefined) return;
    const now = this.#clock.now();
    planned.isTried = true;
    planned.isExcluded = prospectOf(fault) !== 'later';
    if (fault.code === 'busy') {
      planned.notBefore = later(now, Math.min((fault.params.seconds ?? 0) * 1000, RETRY_AFTER_MS_MAX));
    }
    this.#health.note(source.url.origin, false, now);
    if (bytes < this.#mostBytes + PROGRESS_BYTES) return;
    this.#mostBytes = bytes;
    this.#rounds = 0;
  }

  /** The source with a URL; undefined: none. */
  find(href: string | undefined): Source | undefined {
    return this.#sources.find(({ url }) => url.href === href);
  }

  /** Excludes a source, because it has the wrong file. */
  exclude(source: Source): void {
    for (const planned of this.#sources) if (planned.url === source.url) planned.isExcluded = true;
  }

  succeeded(source: Source): void {
    this.#health.note(source.url.origin, true, this.#clock.now());
  }

  #endRound(left: readonly PlannedSource[], now: Instant): NextStep {
    const { pauseMs, pauseMsMax, roundsMax } = this.#settings;
    this.#rounds += 1;
    for (const source of left) source.isTried = false;
    if (this.#rounds >= roundsMax) return { kind: 'give-up' };
    const [chance = 0] = this.#clock.randomBytes(1);
    const wholeMs = Math.min(pauseMsMax, pauseMs * 2 ** (this.#rounds - 1));
    // Between half of it and all of it, so that many racks do not return to a mirror at the same moment.
    this.#resumeAt = later(now, wholeMs * (0.5 + chance / 512));
    return { kind: 'wait', until: this.#resumeAt };
  }
}
