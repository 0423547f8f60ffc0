// What happened, in numbers that only grow: a room counts by the names of a closed list, in a typed array, so counting allocates
// nothing.

/** A counter for each of the names. */
export class Counters<Name extends string> {
  readonly #places: ReadonlyMap<Name, number>;
  readonly #values: Float64Array;

  constructor(names: readonly Name[]) {
    this.#places = new Map(names.map((name, place) => [name, place]));
    this.#values = new Float64Array(names.length);
  }

  add(name: Name, count = 1): void {
    const place = this.#places.get(name) ?? 0;
    this.#values[place] = (this.#values[place] ?? 0) + count;
  }

  /** The present values, by name. */
  read(): Readonly<Record<Name, number>> {
    const entries = Array.from(this.#places, ([name, place]) => [name, this.#values[place] ?? 0] as const);
    // Every name of the closed list has its entry, which `Object.fromEntries` cannot express.
    return Object.fromEntries(entries) as Record<Name, number>;
  }
}
