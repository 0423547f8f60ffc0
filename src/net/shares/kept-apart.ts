// A bounded table for keys that strangers can invent (mostly hardware addresses). Invented keys
// never evict entries of known owners. A flood in one place never evicts strangers' entries of
// another place.
//
// 1. Each rank holds at most `max` entries, independent of the other ranks.
// 2. A full rank loses the oldest entry of its largest share. A share is a place, so a flood costs
//    only entries of its own place.
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
interface RankEntries<Key> {
  readonly counts: CountedKeys<string>;
  readonly shares: Map<string, Set<Key>>;
  size: number;
}

export class RankedTable<Key, Value> {
  readonly #max: number;
  readonly #entries = new Map<Key, Entry<Value>>();
  readonly #byRank = new Map<Rank, RankEntries<Key>>();

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
    for (const keys of this.#byRank.get(rank)?.shares.values() ?? []) yield* keys;
  }

  /** @returns the evicted value, if any */
  set(key: Key, value: Value, owner: Owner): Value | undefined {
    this.delete(key);
    const rankEntries = this.#getRankEntries(owner.rank);
    const keys = rankEntries.shares.get(owner.share);
    if (keys === undefined) rankEntries.shares.set(owner.share, new Set([key]));
    else keys.add(key);
    rankEntries.counts.add(owner.share);
    rankEntries.size += 1;
    this.#entries.set(key, { value, owner });
    return rankEntries.size > this.#max ? this.#evictOldest(rankEntries) : undefined;
  }

  delete(key: Key): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const { rank, share } = entry.owner;
    this.#entries.delete(key);
    const rankEntries = this.#getRankEntries(rank);
    const keys = rankEntries.shares.get(share);
    keys?.delete(key);
    if (keys?.size === 0) rankEntries.shares.delete(share);
    rankEntries.counts.remove(share);
    rankEntries.size -= 1;
  }

  clear(): void {
    this.#entries.clear();
    this.#byRank.clear();
  }

  #evictOldest({ counts, shares }: RankEntries<Key>): Value | undefined {
    const largest = counts.largest;
    const [oldest] = (largest === undefined ? undefined : shares.get(largest)) ?? [];
    if (oldest === undefined) return undefined;
    const value = this.get(oldest);
    this.delete(oldest);
    return value;
  }

  #getRankEntries(rank: Rank): RankEntries<Key> {
    const existing = this.#byRank.get(rank);
    if (existing !== undefined) return existing;
    const created = { counts: new CountedKeys<string>(), shares: new Map<string, Set<Key>>(), size: 0 };
    this.#byRank.set(rank, created);
    return created;
  }
}
