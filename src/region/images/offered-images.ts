// The last answers of the sources about what they offer.
//
//   find ─▶ never asked, asked too long ago, or changed ─▶ queue ─▶ QUERIES_MAX at a time ─▶ answer, which stays until the next one
//
// 1. Sources are asked only when a person views the offers. An old answer is shown until the new
//    one has arrived.
// 2. A source with a problem is asked again much sooner than one that has answered without problems.

import { isDeepStrictEqual } from 'node:util';
import { BoundedMap } from '../../ground/bounded-map.ts';
import type { Clock } from '../../ground/clock.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import type { SourceOffers } from '../../images/engine/asking.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import type { RegionSource } from './region-source.ts';

/** Bound on sources that are asked at a time. Each may have documents of 32 MB. */
const QUERIES_MAX = 4;
/** Bound on the kept answers. */
const ANSWERS_MAX = 256;
const FRESH_ANSWER_MS = 15 * 60_000;
const FRESH_PROBLEM_MS = 60_000;

export const NO_STORE = 'this host keeps no images, so it asks no source';

/** Asks a source. @throws RackError if this host cannot ask */
export type AskOffers = (source: ImageSource) => Promise<SourceOffers>;

interface SourceQuery {
  readonly source: ImageSource;
  /** The last answer. Undefined if the source has not answered yet. */
  answer: (SourceOffers & { readonly atMs: number }) | undefined;
  isPending: boolean;
  /** When the source was last asked, as wall time in milliseconds. */
  askedMs: number;
}

export type OfferedBySource = Readonly<Omit<SourceQuery, 'source'>>;

export class OfferedImages {
  readonly #clock: Clock;
  readonly #query: AskOffers;
  readonly #bySource = new BoundedMap<number, SourceQuery>(ANSWERS_MAX, 'used longest ago');
  readonly #queue: SourceQuery[] = [];
  #runningQueries = 0;
  /** Resolves with the next answer. */
  #nextAnswer = Promise.withResolvers<void>();

  constructor(clock: Clock, ask: AskOffers | undefined) {
    this.#clock = clock;
    this.#query = ask ?? (() => Promise.reject(new RackError('not-found', NO_STORE)));
  }

  /**
   * Finds the answers of sources, and asks them if necessary.
   * @param waitMs how long to wait for sources that have never answered
   * @param mustAskAgain true to ask all of them again
   */
  async find(
    sources: readonly RegionSource[],
    { waitMs, mustAskAgain = false }: { readonly waitMs: number; readonly mustAskAgain?: boolean },
  ): Promise<readonly OfferedBySource[]> {
    const offers = sources.map((source) => this.#findOne(source, mustAskAgain));
    let isLate = false;
    const timeout = Promise.withResolvers<void>();
    const timer = this.#clock.schedule(waitMs, () => {
      isLate = true;
      timeout.resolve();
    });
    while (
      !isLate &&
      offers.some(({ answer, isPending: isAsking }) => isAsking && (answer === undefined || mustAskAgain))
    )
      await Promise.race([this.#nextAnswer.promise, timeout.promise]);
    timer.cancel();
    return offers;
  }

  #findOne({ id, images }: RegionSource, mustAskAgain: boolean): SourceQuery {
    const existing = this.#bySource.get(id);
    const current = existing !== undefined && isDeepStrictEqual(existing.source, images) ? existing : undefined;
    const query = current ?? { source: images, answer: undefined, isPending: false, askedMs: 0 };
    if (current === undefined) this.#bySource.set(id, query);
    if (query.isPending || !(mustAskAgain || this.#isOutdated(query))) return query;
    query.isPending = true;
    query.askedMs = this.#clock.wallTimeMs();
    this.#queue.push(query);
    this.#startQueries();
    return query;
  }

  #isOutdated({ answer }: SourceQuery): boolean {
    if (answer === undefined) return true;
    const freshMs = answer.problems.length > 0 ? FRESH_PROBLEM_MS : FRESH_ANSWER_MS;
    return this.#clock.wallTimeMs() - answer.atMs > freshMs;
  }

  #startQueries(): void {
    while (this.#runningQueries < QUERIES_MAX) {
      const query = this.#queue.shift();
      if (query === undefined) return;
      this.#runningQueries += 1;
      void this.#query(query.source)
        .catch((error: unknown): SourceOffers => ({ images: [], problems: [errorText(error)] }))
        .then((answer) => {
          this.#runningQueries -= 1;
          query.answer = { ...answer, atMs: this.#clock.wallTimeMs() };
          query.isPending = false;
          const { resolve } = this.#nextAnswer;
          this.#nextAnswer = Promise.withResolvers();
          resolve();
          this.#startQueries();
        });
    }
  }
}
