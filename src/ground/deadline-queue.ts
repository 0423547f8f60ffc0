// A server's deadlines, the earliest first: a binary heap in which each item knows its place. So
// one timer (`Alarm`) serves any number of items, and moving a deadline costs a few comparisons.
//
// 1. Only items with a deadline are in the heap.
// 2. An alarm rings no later than the expected time, and may ring early. The callback takes the due
//    entries and sets the next time.

import type { Clock, Instant, Timer } from './clock.ts';

/** The longest single timer, in milliseconds: Node's timers overflow at 24 days. */
const ALARM_MS_MAX = 86_400_000;

/** Only the queue writes `place`. */
export interface Waiting {
  /** Its index; -1 outside the heap. */
  place: number;
}

interface Entry<T> {
  at: Instant;
  readonly item: T;
}

/** Items by deadline. */
export class DeadlineQueue<T extends Waiting> {
  readonly #heap: Entry<T>[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** Undefined when the queue is empty. */
  get nextAt(): Instant | undefined {
    return this.#heap[0]?.at;
  }

  get first(): T | undefined {
    return this.#heap[0]?.item;
  }

  /** The earliest members in order; the cost depends on `count` alone. */
  earliest(count: number): readonly T[] {
    const taken: T[] = [];
    // Indexes whose parents were all taken: one of them is next.
    const open = this.#heap.length === 0 ? [] : [0];
    while (taken.length < count) {
      let next: number | undefined;
      for (const place of open) if (next === undefined || this.#dueAt(place) < this.#dueAt(next)) next = place;
      const entry = next === undefined ? undefined : this.#heap[next];
      if (next === undefined || entry === undefined) break;
      taken.push(entry.item);
      open.splice(open.indexOf(next), 1);
      for (const child of [2 * next + 1, 2 * next + 2]) if (child < this.#heap.length) open.push(child);
    }
    return taken;
  }

  /** Undefined removes the item. */
  set(item: T, at: Instant | undefined): void {
    const entry = item.place < 0 ? undefined : this.#heap[item.place];
    if (at === undefined) {
      if (entry !== undefined) this.#remove(item.place);
      return;
    }
    if (entry === undefined) {
      item.place = this.#heap.length;
      this.#heap.push({ at, item });
    } else {
      entry.at = at;
    }
    this.#settle(item.place);
  }

  /** Removes the item returned; undefined when none is due. */
  takeDue(now: Instant): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    this.#remove(0);
    return first.item;
  }

  #dueAt(place: number): number {
    return this.#heap[place]?.at ?? Number.POSITIVE_INFINITY;
  }

  #remove(place: number): void {
    const removed = this.#heap[place];
    const last = this.#heap.pop();
    if (removed === undefined || last === undefined) return;
    removed.item.place = -1;
    if (removed === last) return;
    this.#put(last, place);
    this.#settle(place);
  }

  /** Moves the entry up or down to where it belongs. */
  #settle(place: number): void {
    let at = place;
    const entry = this.#heap[at];
    if (entry === undefined) return;
    for (let parent = (at - 1) >> 1; at > 0; at = parent, parent = (at - 1) >> 1) {
      const above = this.#heap[parent];
      if (above === undefined || above.at <= entry.at) break;
      this.#put(above, at);
    }
    for (;;) {
      const left = this.#heap[2 * at + 1];
      const right = this.#heap[2 * at + 2];
      const child = right !== undefined && left !== undefined && right.at < left.at ? right : left;
      if (child === undefined || child.at >= entry.at) break;
      const below = child === left ? 2 * at + 1 : 2 * at + 2;
      this.#put(child, at);
      at = below;
    }
    this.#put(entry, at);
  }

  #put(entry: Entry<T>, place: number): void {
    this.#heap[place] = entry;
    entry.item.place = place;
  }
}

export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #set: { readonly at: Instant; readonly timer: Timer } | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /**
   * Rings at `at` or earlier; undefined changes nothing. An earlier setting stays, because moving
   * the timer costs more.
   */
  expect(at: Instant | undefined): void {
    if (at === undefined || (this.#set !== undefined && this.#set.at <= at)) return;
    this.cancel();
    const delayMs = Math.min(Math.max(0, at - this.#clock.now()), ALARM_MS_MAX);
    const timer = this.#clock.schedule(delayMs, () => {
      this.#set = undefined;
      this.#ring();
    });
    this.#set = { at, timer };
  }

  /** Stays silent until the next `expect`. */
  cancel(): void {
    this.#set?.timer.cancel();
    this.#set = undefined;
  }
}
