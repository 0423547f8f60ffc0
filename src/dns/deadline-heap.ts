// What is due when, soonest first: one heap a server, not a timer a query.
//
// 1. An item knows its place, so taking it out early costs as little as popping it: what is over does not wait for its moment.

import type { Instant } from '../clock.ts';

/** An item in the heap; only the heap changes it. */
export interface Deadline<T> {
  readonly at: Instant;
  readonly item: T;
  /** Its place, or -1 once it is out. */
  place: number;
}

/** A binary heap of items with their moments. */
export class DeadlineHeap<T> {
  readonly #entries: Deadline<T>[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** The soonest moment; undefined when empty. */
  get next(): Instant | undefined {
    return this.#entries[0]?.at;
  }

  push(at: Instant, item: T): Deadline<T> {
    const entry: Deadline<T> = { at, item, place: this.#entries.length };
    this.#entries.push(entry);
    this.#rise(entry, entry.place);
    return entry;
  }

  /** Takes an item out; one that is out already stays so. */
  remove(entry: Deadline<T>): void {
    const place = entry.place;
    if (place === -1) return;
    entry.place = -1;
    const last = this.#entries.pop();
    if (last === undefined || last === entry) return;
    this.#sink(last, place);
    this.#rise(last, last.place);
  }

  /** Takes the soonest item that is due at `now`, or undefined. */
  popDue(now: Instant): T | undefined {
    const first = this.#entries[0];
    if (first === undefined || first.at > now) return undefined;
    this.remove(first);
    return first.item;
  }

  /** Moves an entry from a place up to where it belongs. */
  #rise(entry: Deadline<T>, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#entries[above];
      if (parent === undefined || parent.at <= entry.at) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(entry, place);
  }

  /** Moves an entry from a place down to where it belongs. */
  #sink(entry: Deadline<T>, from: number): void {
    let place = from;
    for (;;) {
      const left = this.#entries[place * 2 + 1];
      const right = this.#entries[place * 2 + 2];
      const child = left !== undefined && right !== undefined && right.at < left.at ? right : left;
      if (child === undefined || child.at >= entry.at) break;
      const below = child.place;
      this.#put(child, place);
      place = below;
    }
    this.#put(entry, place);
  }

  #put(entry: Deadline<T>, place: number): void {
    this.#entries[place] = entry;
    entry.place = place;
  }
}
