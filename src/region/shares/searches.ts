// Searches that may read all machines, in pieces over turns of the event loop, so that neither one
// search nor many delay other requests.
//
// 1. A search that ends in its first piece takes no place; all others take one of SEARCHES_MAX.
// 2. A search whose client has left ends before its next piece.

import type { Clock } from '../../ground/clock.ts';
import type { Place } from '../../net/shares/fair-shares.ts';
import { beginPiece, LongWork } from './long-work.ts';

/**
 * Searches under way that are longer than a piece. At the bound the user with the most searches
 * loses one to each newcomer of another user, so the others notice nothing. It empties as searches
 * end.
 */
export const SEARCHES_MAX = 32;

interface Search {
  isEvicted: boolean;
}

interface Under<T> {
  readonly place: Place<Search>;
  readonly refused: () => T;
  readonly hasEnded: () => boolean;
}

export class Searches {
  readonly #clock: Clock;
  readonly #work = new LongWork<Search>(SEARCHES_MAX);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Runs a search, and resolves with its result. Other requests may change the data between its steps.
   * @param holder `username address` of the caller
   * @param refused the result if all places are taken and this user has a fair share of them, or if
   * nobody waits for it any more
   * @param hasLeft true once the client has left
   * @returns rejects with what a step throws
   */
  async run<T extends object>(
    holder: string,
    steps: AsyncIterator<unknown, T>,
    refused: () => T,
    hasLeft: () => boolean = () => false,
  ): Promise<T> {
    const first = await this.#piece(steps);
    if (first.done === true) return first.value;
    const search: Search = { isEvicted: false };
    const admission = this.#work.places.admit(holder, search);
    if (admission.kind === 'refused') return refused();
    if (admission.evicted !== undefined) admission.evicted.isEvicted = true;
    const { place } = admission;
    return await this.#rest(holder, steps, { place, refused, hasEnded: () => search.isEvicted || hasLeft() });
  }

  async #rest<T>(holder: string, steps: AsyncIterator<unknown, T>, { place, refused, hasEnded }: Under<T>) {
    try {
      for (;;) {
        await this.#work.nextTurn(holder);
        if (hasEnded()) {
          await steps.return?.();
          return refused();
        }
        const step = await this.#piece(steps);
        if (step.done === true) return step.value;
      }
    } finally {
      this.#work.places.release(place);
    }
  }

  async #piece<T>(steps: AsyncIterator<unknown, T>): Promise<IteratorResult<unknown, T>> {
    const isOver = beginPiece(this.#clock);
    for (;;) {
      const step = await steps.next();
      if (step.done === true || isOver()) return step;
    }
  }
}
