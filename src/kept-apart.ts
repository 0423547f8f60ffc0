// A table with a bound, for keys that strangers can invent (hardware addresses, mostly). What strangers make up never pushes out what belongs
// to somebody who is known, and one place full of strangers does not push out the strangers of another.
//
// 1. Entries are kept apart by rank. Each rank holds `max` entries at the most, whatever the others hold.
// 2. A rank that is full loses the oldest entry of its largest share. A share is a place, so a flood of one place costs that place alone.
// 3. Setting an entry makes it the newest of its share. All operations take constant time.

import { CountedKeys } from './fair-shares.ts';

/**
 * How well somebody is known.
 *
 * - `machine`: a machine of the region.
 * - `client`: who holds something here that takes time or knowledge to get: a lease, a reservation, a known UUID, having been heard before.
 * - `stranger`: anybody else, and whatever anybody makes up.
 */
export type Rank = 'machine' | 'client' | 'stranger';

/** Whose an entry is: how well it is known, and its share among those of the same rank. */
export interface Owner {
  readonly rank: Rank;
  readonly share: string;
}

interface Entry<Value> {
  readonly value: Value;
  readonly owner: Owner;
}

/** The keys of one rank, by share, oldest first. */
interface Side<Key> {
  readonly counts: CountedKeys<string>;
  readonly shares: Map<string, Set<Key>>;
  size: number;
}

/** Values by key, kept apart by rank. */
export class KeptApart<Key, Value> {
  readonly #max: number;
  readonly #entries = new Map<Key, Entry<Value>>();
  readonly #sides = new Map<Rank, Side<Key>>();

  /** @param max the most entries of each rank */
  constructor(max: number) {
    this.#max = max;
  }

  /** Entries of all ranks. */
  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  /** The rank of an entry; undefined: there is none. */
  rankOf(key: Key): Rank | undefined {
    return this.#entries.get(key)?.owner.rank;
  }

  *values(): Generator<Value> {
    for (const { value } of this.#entries.values()) yield value;
  }

  /** The keys of a rank, by share, the oldest of each first. */
  *keysOf(rank: Rank): Generator<Key> {
    for (const keys of this.#sides.get(rank)?.shares.values() ?? []) yield* keys;
  }

  /** Sets a value as the newest of its share. @returns the value that had to go for it; undefined: none */
  set(key: Key, value: Value, owner: Owner): Value | undefined {
    this.delete(key);
    const side = this.#sideOf(owner.rank);
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
    const side = this.#sideOf(rank);
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

  #sideOf(rank: Rank): Side<Key> {
    const known = this.#sides.get(rank);
    if (known !== undefined) return known;
    const made = { counts: new CountedKeys<string>(), shares: new Map<string, Set<Key>>(), size: 0 };
    this.#sides.set(rank, made);
    return made;
  }
}
