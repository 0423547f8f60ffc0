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
export interface QueuedItem {
  /** Its index; -1 outside the heap. */
  heapIndex: number;
}

interface Entry<T> {
  dueAt: Instant;
  readonly item: T;
}

/** Items by deadline. */
export class DeadlineQueue<T extends QueuedItem> {
  readonly #heap: Entry<T>[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** `undefined` when the queue is empty. */
  get nextAt(): Instant | undefined {
    return this.#heap[0]?.dueAt;
  }

  get firstItem(): T | undefined {
    return this.#heap[0]?.item;
  }

  /** The earliest members in order; the cost depends on `count` alone. */
  earliest(count: number): readonly T[] {
    const items: T[] = [];
    // Indexes whose parents were all taken: one of them is next.
    const candidates = this.#heap.length === 0 ? [] : [0];
    while (items.length < count) {
      let nextIndex: number | undefined;
      for (const index of candidates)
        if (nextIndex === undefined || this.#dueAt(index) < this.#dueAt(nextIndex)) nextIndex = index;
      const entry = nextIndex === undefined ? undefined : this.#heap[nextIndex];
      if (nextIndex === undefined || entry === undefined) break;
      items.push(entry.item);
      candidates.splice(candidates.indexOf(nextIndex), 1);
      for (const child of [2 * nextIndex + 1, 2 * nextIndex + 2]) if (child < this.#heap.length) candidates.push(child);
    }
    return items;
  }

  /** `undefined` removes the item. */
  set(item: T, at: Instant | undefined): void {
    const entry = item.heapIndex < 0 ? undefined : this.#heap[item.heapIndex];
    if (at === undefined) {
      if (entry !== undefined) this.#remove(item.heapIndex);
      return;
    }
    if (entry === undefined) {
      item.heapIndex = this.#heap.length;
      this.#heap.push({ dueAt: at, item });
    } else {
      entry.dueAt = at;
    }
    this.#settle(item.heapIndex);
  }

  /** Removes the item returned; `undefined` when none is due. */
  takeDue(now: Instant): T | undefined {
    const firstEntry = this.#heap[0];
    if (firstEntry === undefined || firstEntry.dueAt > now) return undefined;
    this.#remove(0);
    return firstEntry.item;
  }

  #dueAt(index: number): number {
    return this.#heap[index]?.dueAt ?? Number.POSITIVE_INFINITY;
  }

  #remove(index: number): void {
    const removedEntry = this.#heap[index];
    const lastEntry = this.#heap.pop();
    if (removedEntry === undefined || lastEntry === undefined) return;
    removedEntry.item.heapIndex = -1;
    if (removedEntry === lastEntry) return;
    this.#put(lastEntry, index);
    this.#settle(index);
  }

  /** Moves the entry up or down to where it belongs. */
  #settle(startIndex: number): void {
    let index = startIndex;
    const entry = this.#heap[index];
    if (entry === undefined) return;
    for (let parent = (index - 1) >> 1; index > 0; index = parent, parent = (index - 1) >> 1) {
      const parentEntry = this.#heap[parent];
      if (parentEntry === undefined || parentEntry.dueAt <= entry.dueAt) break;
      this.#put(parentEntry, index);
    }
    for (;;) {
      const leftChild = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      const child = right !== undefined && leftChild !== undefined && right.dueAt < leftChild.dueAt ? right : leftChild;
      if (child === undefined || child.dueAt >= entry.dueAt) break;
      const childIndex = child === leftChild ? 2 * index + 1 : 2 * index + 2;
      this.#put(child, index);
      index = childIndex;
    }
    this.#put(entry, index);
  }

  #put(entry: Entry<T>, index: number): void {
    this.#heap[index] = entry;
    entry.item.heapIndex = index;
  }
}

export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #pendingTimer: { readonly at: Instant; readonly timer: Timer } | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /**
   * Rings at `at` or earlier; `undefined` changes nothing. An earlier setting stays, because moving
   * the timer costs more.
   */
  expect(at: Instant | undefined): void {
    if (at === undefined || (this.#pendingTimer !== undefined && this.#pendingTimer.at <= at)) return;
    this.cancel();
    const delayMs = Math.min(Math.max(0, at - this.#clock.now()), ALARM_MS_MAX);
    const timer = this.#clock.schedule(delayMs, () => {
      this.#pendingTimer = undefined;
      this.#ring();
    });
    this.#pendingTimer = { at, timer };
  }

  /** Stays silent until the next `expect`. */
  cancel(): void {
    this.#pendingTimer?.timer.cancel();
    this.#pendingTimer = undefined;
  }
}
