// A bounded table for keys that strangers can invent (mostly hardware addresses). Invented keys
// never evict entries of known owners, nor a flood in one place those of strangers in another.
//
// 1. Each rank holds at most `max` entries, independent of the other ranks.
// 2. A full rank loses the oldest entry of its largest share. A share is a place, so a flood costs
//    only its own.
// 3. Setting an entry makes it the newest of its share. All operations take constant time.

import { CountedKeys } from './fair-shares.ts';

/**
 * How well the owner of an entry is known.
 *
 * - `machine`: a machine of the region.
 * - `client`: an owner with something that takes time or knowledge to get: a lease, a reservation,
 *   a known UUID, earlier contact.
 * - `stranger`: any other, invented ones included.
 */
export type Rank = 'machine' | 'client' | 'stranger';

/** The owner of an entry: its rank, and its share within that rank. */
export interface Owner {
  readonly rank: Rank;
  readonly share: string;
}

interface Entry<Value> {
  readonly value: Value;
  readonly owner: Owner;
}

/** By share, oldest first. */
interface Side<Key> {
  readonly counts: CountedKeys<string>;
  readonly shares: Map<string, Set<Key>>;
  size: number;
}

export class RankedTable<Key, Value> {
  readonly #max: number;
  readonly #entries = new Map<Key, Entry<Value>>();
  readonly #sides = new Map<Rank, Side<Key>>();

  /** @param max entries of each rank */
  constructor(max: number) {
    this.#max = max;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  *values(): Generator<Value> {
    for (const { value } of this.#entries.values()) yield value;
  }

  /** By share, oldest first. */
  *listKeys(rank: Rank): Generator<Key> {
    for (const keys of this.#sides.get(rank)?.shares.values() ?? []) yield* keys;
  }

  /** @returns the evicted value, if any */
  set(key: Key, value: Value, owner: Owner): Value | undefined {
    this.delete(key);
    const side = this.#getSide(owner.rank);
    const keys = side.shares.get(owner.share);
    if (keys === undefined) side.shares.set(owner.share, new Set([key]));
    else keys.add(key);
    side.counts.add(owner.share);
    side.size += 1;
    this.#entries.set(key, { value, owner });
    return side.size > this.#max ? this.#evict(side) : undefined;
  }

  delete(key: Key): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const { rank, share } = entry.owner;
    this.#entries.delete(key);
    const side = this.#getSide(rank);
    const keys = side.shares.get(share);
    keys?.delete(key);
    if (keys?.size === 0) side.shares.delete(share);
    side.counts.remove(share);
    side.size -= 1;
  }

  clear(): void {
    this.#entries.clear();
    this.#sides.clear();
  }

  #evict({ counts, shares }: Side<Key>): Value | undefined {
    const largest = counts.largest;
    const [oldest] = (largest === undefined ? undefined : shares.get(largest)) ?? [];
    if (oldest === undefined) return undefined;
    const value = this.get(oldest);
    this.delete(oldest);
    return value;
  }

  #getSide(rank: Rank): Side<Key> {
    const existing = this.#sides.get(rank);
    if (existing !== undefined) return existing;
    const made = { counts: new CountedKeys<string>(), shares: new Map<string, Set<Key>>(), size: 0 };
    this.#sides.set(rank, made);
    return made;
  }
}
