// What the sources offer, as they answered when they were asked last.
//
//   find ─▶ never asked, asked too long ago, or changed ─▶ queue ─▶ ASKED_MAX at a time ─▶ answer, which stays until the next one
//
// 1. Only a person who looks has sources asked. An old answer is shown until the new one has come.
// 2. A source that could not be asked is asked again much sooner than one that has answered.

import { isDeepStrictEqual } from 'node:util';
import { BoundedMap } from '../../ground/bounded-map.ts';
import type { Clock } from '../../ground/clock.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import type { SourceOffers } from '../../images/engine/asking.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import type { RegionSource } from './region-source.ts';

/** Sources asked at a time: each may have documents of 32 MB. */
const ASKED_MAX = 4;
/** Answers that are kept. */
const ANSWERS_MAX = 256;
const FRESH_MS = 15 * 60_000;
const FRESH_MS_OF_PROBLEM = 60_000;

export const NO_STORE = 'this host keeps no images, so it asks no source';

/** Asks a source. @throws RackError if this host cannot ask */
export type AskOffers = (source: ImageSource) => Promise<SourceOffers>;

interface Offered {
  readonly source: ImageSource;
  /** Undefined: it has not answered yet. */
  answer: (SourceOffers & { readonly atMs: number }) | undefined;
  isAsking: boolean;
  /** When it was asked last, wall time in milliseconds. */
  askedMs: number;
}

export type OfferedBySource = Readonly<Omit<Offered, 'source'>>;

export class OfferedImages {
  readonly #clock: Clock;
  readonly #ask: AskOffers;
  readonly #bySource = new BoundedMap<number, Offered>(ANSWERS_MAX, 'used longest ago');
  readonly #queue: Offered[] = [];
  #asked = 0;
  /** Resolves with the next answer. */
  #next = Promise.withResolvers<void>();

  constructor(clock: Clock, ask: AskOffers | undefined) {
    this.#clock = clock;
    this.#ask = ask ?? (() => Promise.reject(new RackError('not-found', NO_STORE)));
  }

  /**
   * The answers of sources, which are asked if necessary.
   * @param waitMs how long to wait for those that have never answered @param again true: all are asked again
   */
  async find(
    sources: readonly RegionSource[],
    { waitMs, again = false }: { readonly waitMs: number; readonly again?: boolean },
  ): Promise<readonly OfferedBySource[]> {
    const offers = sources.map((source) => this.#findOne(source, again));
    let isLate = false;
    const late = Promise.withResolvers<void>();
    const timer = this.#clock.schedule(waitMs, () => {
      isLate = true;
      late.resolve();
    });
    while (!isLate && offers.some(({ answer, isAsking }) => isAsking && (answer === undefined || again)))
      await Promise.race([this.#next.promise, late.promise]);
    timer.cancel();
    return offers;
  }

  #findOne({ id, images }: RegionSource, again: boolean): Offered {
    const existing = this.#bySource.get(id);
    const current = existing !== undefined && isDeepStrictEqual(existing.source, images) ? existing : undefined;
    const offered = current ?? { source: images, answer: undefined, isAsking: false, askedMs: 0 };
    if (current === undefined) this.#bySource.set(id, offered);
    if (offered.isAsking || !(again || this.#isOld(offered))) return offered;
    offered.isAsking = true;
    offered.askedMs = this.#clock.wallTimeMs();
    this.#queue.push(offered);
    this.#askNext();
    return offered;
  }

  #isOld({ answer }: Offered): boolean {
    if (answer === undefined) return true;
    const freshMs = answer.problems.length > 0 ? FRESH_MS_OF_PROBLEM : FRESH_MS;
    return this.#clock.wallTimeMs() - answer.atMs > freshMs;
  }

  #askNext(): void {
    while (this.#asked < ASKED_MAX) {
      const offered = this.#queue.shift();
      if (offered === undefined) return;
      this.#asked += 1;
      void this.#ask(offered.source)
        .catch((error: unknown): SourceOffers => ({ images: [], problems: [errorText(error)] }))
        .then((answer) => {
          this.#asked -= 1;
          offered.answer = { ...answer, atMs: this.#clock.wallTimeMs() };
          offered.isAsking = false;
          const { resolve } = this.#next;
          this.#next = Promise.withResolvers();
          resolve();
          this.#askNext();
        });
    }
  }
}
