// Decides which source of one file is asked next, and when.
//
//   round: each source once, the healthiest first ─▶ pause, twice as long each time ─▶ next round ─▶ … ─▶ give up
//                 └─ a fault that only a person can fix: the source is excluded; when none is left, the plan gives up at once
//
// 1. After `roundsMax` rounds without progress the plan gives up, so a download ends whatever its sources do.
// 2. Progress is PROGRESS_BYTES more than the file ever had: a file that begins again and again makes none.
// 3. A server's Retry-After is kept, up to RETRY_AFTER_MS_MAX; other sources are asked meanwhile.

import { type Clock, type Instant, later } from '../../clock.ts';
import { type AttemptFault, prospectOf } from './fault.ts';
import type { DownloadSettings } from './settings.ts';
import type { SourceHealth } from './source-health.ts';

/** Fewer new bytes do not count as progress, or a server that sends one at a time would be asked for ever. */
const PROGRESS_BYTES = 1024 * 1024;
const RETRY_AFTER_MS_MAX = 15 * 60_000;

/** A server that may have the file. */
export interface Source {
  readonly url: URL;
}

interface PlannedSource extends Source {
  isOut: boolean;
  isTried: boolean;
  /** Undefined: at any time. */
  notBefore: Instant | undefined;
}

/** The next step. */
type NextStep =
  /** Ask one of these, the first that has a place. */
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

  constructor(
    urls: readonly URL[],
    health: SourceHealth,
    clock: Clock,
    settings: Pick<DownloadSettings, 'pauseMs' | 'pauseMsMax' | 'roundsMax'>,
  ) {
    this.#sources = urls.map((url) => ({ url, isOut: false, isTried: false, notBefore: undefined }));
    this.#health = health;
    this.#clock = clock;
    this.#settings = settings;
  }

  /** @param kept the URL of the part on the disk: preferred, so that the part can be continued; undefined: no preference */
  next(kept?: string): NextStep {
    const now = this.#clock.now();
    const left = this.#sources.filter(({ isOut }) => !isOut);
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
    const first = ordered.filter(({ url }) => url.href === kept);
    return { kind: 'ask', sources: [...first, ...ordered.filter(({ url }) => url.href !== kept)] };
  }

  /** An attempt failed. @param bytes of the file that this host has now */
  failed(source: Source, fault: AttemptFault, bytes: number): void {
    const planned = this.#sources.find(({ url }) => url === source.url);
    if (planned === undefined) return;
    const now = this.#clock.now();
    planned.isTried = true;
    planned.isOut = prospectOf(fault) !== 'later';
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

  /** This source has the wrong file. */
  leaveOut(source: Source): void {
    for (const planned of this.#sources) if (planned.url === source.url) planned.isOut = true;
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
    // Between half and all of it, so that many racks do not come back to a mirror at once.
    this.#resumeAt = later(now, wholeMs * (0.5 + chance / 512));
    return { kind: 'wait', until: this.#resumeAt };
  }
}
