// Places for concurrent downloads, in total and per host.
//
// 1. Downloads are served in the order of their arrival. A later one overtakes only while the hosts of the earlier ones may take no place.
// 2. An attempt holds a place and gives it back when it ends. A download that waits for its next attempt holds none.
// 3. The last `kept` places are for hosts that have none, so few slow hosts cannot take all.

import type { Source } from './source-plan.ts';

/** A place at a source. */
export interface Place {
  readonly source: Source;
  giveBack(): void;
}

interface Waiter {
  readonly sources: readonly Source[];
  readonly serve: (place: Place) => void;
}

/** The places of a queue. */
export class Places {
  readonly #max: number;
  readonly #ofHostMax: number;
  readonly #kept: number;
  readonly #taken = new Map<string, number>();
  readonly #waiting = new Set<Waiter>();
  #total = 0;

  constructor(max: number, ofHostMax: number, kept = 0) {
    this.#max = max;
    this.#ofHostMax = ofHostMax;
    this.#kept = kept;
  }

  /** Waits for a place at one of the sources, the first if possible. @returns undefined if the signal came first */
  take(sources: readonly Source[], signal: AbortSignal): Promise<Place | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    const place = this.#find(sources);
    if (place !== undefined) return Promise.resolve(place);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        sources,
        serve: (found) => {
          signal.removeEventListener('abort', giveUp);
          this.#waiting.delete(waiter);
          resolve(found);
        },
      };
      const giveUp = (): void => {
        this.#waiting.delete(waiter);
        resolve(undefined);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.add(waiter);
    });
  }

  #find(sources: readonly Source[]): Place | undefined {
    const source = sources.find(({ url }) => {
      const own = this.#taken.get(url.host) ?? 0;
      return own < this.#ofHostMax && this.#total < this.#max - (own === 0 ? 0 : this.#kept);
    });
    if (source === undefined) return undefined;
    const { host } = source.url;
    this.#count(host, 1);
    let isHeld = true;
    const giveBack = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.#count(host, -1);
      for (const waiter of this.#waiting) {
        const place = this.#find(waiter.sources);
        if (place !== undefined) waiter.serve(place);
      }
    };
    return { source, giveBack };
  }

  #count(host: string, change: number): void {
    const count = (this.#taken.get(host) ?? 0) + change;
    if (count === 0) this.#taken.delete(host);
    else this.#taken.set(host, count);
    this.#total += change;
  }
}
