// A map with a bound: where one entry more would exceed it, the oldest entry is forgotten.
//
//   #oldest ⇄ … ⇄ #newest      every entry also stands in `#byKey`
//      │            ▲
//      │            └─ set, and with 'used longest ago' get
//      └─ forgotten
//
// 1. `size` never exceeds the bound.
// 2. All operations take constant time, thanks to the links. A `Map` alone cannot do this: V8
//    leaves a hole for each deleted key. A new `map.keys()` walks over the holes at the front, so
//    at 10 000 entries each new key, which evicts the first, costs 10 µs. Holes also stay in the
//    hash chains: deleting one key and setting it again, to make it the newest, then costs 60 µs
//    each time (both measured).
// 3. An entry that has gone links to no other, so the garbage collector never keeps a chain of them.
// 4. It takes memory for the entries it has, not for its bound.

/**
 * Which entry is forgotten first.
 *
 * - `set longest ago`: `get` changes nothing.
 * - `used longest ago`: `get` counts as well as `set` (least recently used).
 */
export type EvictionOrder = 'set longest ago' | 'used longest ago';

interface Entry<Key, Value> {
  readonly key: Key;
  value: Value;
  older: Entry<Key, Value> | undefined;
  newer: Entry<Key, Value> | undefined;
}

/** Values by key, at most `max` of them. */
export class BoundedMap<Key, Value> {
  readonly #max: number;
  readonly #getRenews: boolean;
  readonly #onForgotten: ((value: Value) => void) | undefined;
  readonly #byKey = new Map<Key, Entry<Key, Value>>();
  #oldest: Entry<Key, Value> | undefined;
  #newest: Entry<Key, Value> | undefined;

  /**
   * @param max the most entries, at least 1
   * @param onForgotten called with the value of each entry that is forgotten, after it has gone;
   * not for `delete` and `clear`
   */
  constructor(max: number, evictionOrder: EvictionOrder, onForgotten?: (value: Value) => void) {
    this.#max = max;
    this.#getRenews = evictionOrder === 'used longest ago';
    this.#onForgotten = onForgotten;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The value to be forgotten next; reading it does not renew it. `undefined` if the map is empty. */
  get oldest(): Value | undefined {
    return this.#oldest?.value;
  }

  has(key: Key): boolean {
    return this.#byKey.has(key);
  }

  /** The value of a key; `undefined` if it has none. */
  get(key: Key): Value | undefined {
    const entry = this.#byKey.get(key);
    if (entry === undefined) return undefined;
    if (this.#getRenews) this.#renew(entry);
    return entry.value;
  }

  /** Sets a value as the newest. */
  set(key: Key, value: Value): void {
    const existing = this.#byKey.get(key);
    if (existing === undefined) {
      this.#add(key, value);
      return;
    }
    existing.value = value;
    this.#renew(existing);
  }

  /** The value of a key as `get` finds it, or else the one that `make` returns, which is set. */
  getOrMake(key: Key, make: () => Value): Value {
    const existing = this.#byKey.get(key);
    if (existing === undefined) return this.#add(key, make());
    if (this.#getRenews) this.#renew(existing);
    return existing.value;
  }

  delete(key: Key): void {
    const entry = this.#byKey.get(key);
    if (entry !== undefined) this.#remove(entry);
  }

  clear(): void {
    this.#byKey.clear();
    this.#oldest = undefined;
    this.#newest = undefined;
  }

  /** Forgets the oldest entry. @returns false when there is none */
  forgetOldest(): boolean {
    const oldest = this.#oldest;
    if (oldest === undefined) return false;
    this.#remove(oldest);
    this.#onForgotten?.(oldest.value);
    return true;
  }

  /**
   * Keys and values, the oldest first. While iterating, the caller may delete or set only the
   * current entry. A set entry becomes the newest and is visited again.
   */
  *[Symbol.iterator](): Generator<readonly [Key, Value]> {
    for (let entry = this.#oldest; entry !== undefined; ) {
      const { key, value, newer }: Entry<Key, Value> = entry;
      yield [key, value];
      entry = newer;
    }
  }

  /** Values, the oldest first, as above. */
  *values(): Generator<Value> {
    for (const [, value] of this) yield value;
  }

  #add(key: Key, value: Value): Value {
    if (this.#byKey.size >= this.#max) this.forgetOldest();
    const entry = { key, value, older: undefined, newer: undefined };
    this.#byKey.set(key, entry);
    this.#append(entry);
    return value;
  }

  #remove(entry: Entry<Key, Value>): void {
    this.#byKey.delete(entry.key);
    this.#unlink(entry);
  }

  #renew(entry: Entry<Key, Value>): void {
    if (entry === this.#newest) return;
    this.#unlink(entry);
    this.#append(entry);
  }

  #append(entry: Entry<Key, Value>): void {
    const previous = this.#newest;
    entry.older = previous;
    if (previous === undefined) this.#oldest = entry;
    else previous.newer = entry;
    this.#newest = entry;
  }

  #unlink(entry: Entry<Key, Value>): void {
    const { older, newer } = entry;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    entry.older = undefined;
    entry.newer = undefined;
  }
}
