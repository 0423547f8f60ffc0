// Counters that only grow, and histograms of durations. A room counts by the names of a closed
// list, in a typed array, so counting allocates nothing.
//
// 1. One thread counts; others read through the same shared memory. The 64-bit values are aligned,
//    so each is read whole.

const BYTES_PER_COUNTER = Float64Array.BYTES_PER_ELEMENT;

/** Memory for counters that one thread increments and another reads. */
export const createSharedCounterMemory = (names: readonly string[]): SharedArrayBuffer =>
  new SharedArrayBuffer(names.length * BYTES_PER_COUNTER);

/** A counter for each of the names. */
export class Counters<Name extends string> {
  readonly #indexes: ReadonlyMap<Name, number>;
  readonly #values: Float64Array;

  /**
   * @param memory from `createSharedCounterMemory` for the same names; without it only this thread sees
   * the counters
   */
  constructor(names: readonly Name[], memory?: SharedArrayBuffer) {
    this.#indexes = new Map(names.map((name, index) => [name, index]));
    this.#values = memory === undefined ? new Float64Array(names.length) : new Float64Array(memory, 0, names.length);
  }

  add(name: Name, count = 1): void {
    const index = this.#indexes.get(name) ?? 0;
    this.#values[index] = (this.#values[index] ?? 0) + count;
  }

  /** The present values, by name. */
  read(): Readonly<Record<Name, number>> {
    const entries = Array.from(this.#indexes, ([name, index]) => [name, this.#values[index] ?? 0] as const);
    // Every name of the closed list has its entry, which `Object.fromEntries` cannot express.
    return Object.fromEntries(entries) as Record<Name, number>;
  }
}

/** A histogram of durations: the count in each bucket, and the sum. */
export interface DurationCounts {
  /** Upper bounds in seconds, growing. */
  readonly bounds: readonly number[];
  /** One count per bound and one for longer durations; not cumulative. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sumSeconds: number;
}

/** A histogram that is being filled. */
export class Durations {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #count = 0;
  #sumMs = 0;

  /** @param bounds upper bounds in seconds, growing */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** Counts one duration of `ms` milliseconds. */
  add(ms: number): void {
    const seconds = ms / 1000;
    let index = 0;
    while (index < this.#bounds.length && seconds > (this.#bounds[index] ?? 0)) index += 1;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count += 1;
    this.#sumMs += ms;
  }

  read(): DurationCounts {
    return {
      bounds: this.#bounds,
      counts: [...this.#counts],
      count: this.#count,
      sumSeconds: this.#sumMs / 1000,
    };
  }
}
