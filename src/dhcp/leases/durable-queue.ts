// Entries that wait until their journal sequence is durable or has failed for good.
//
// 1. Sequences are added, and leave, in ascending order.
// 2. At most WAITING_MAX; the caller checks `isFull` before it records anything.

export const WAITING_MAX = 16_384;

interface Waiting<T> {
  readonly sequence: number;
  readonly entry: T;
}

export class DurableQueue<T> {
  #waiting: Waiting<T>[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  get isFull(): boolean {
    return this.#waiting.length >= WAITING_MAX;
  }

  add(sequence: number, entry: T): void {
    this.#waiting.push({ sequence, entry });
  }

  /** Removes everything up to `sequence`. */
  settle(sequence: number): readonly T[] {
    const entries: T[] = [];
    for (const waiting of this.#waiting) {
      if (waiting.sequence > sequence) break;
      entries.push(waiting.entry);
    }
    // Usually everything has become durable.
    this.#waiting = entries.length === this.#waiting.length ? [] : this.#waiting.slice(entries.length);
    return entries;
  }

  /** Removes sequences `from` to `to`, inclusive. */
  fail(from: number, to: number): readonly T[] {
    const failed = this.#waiting.filter(({ sequence }) => sequence >= from && sequence <= to);
    this.#waiting = this.#waiting.filter(({ sequence }) => sequence < from || sequence > to);
    return failed.map(({ entry }) => entry);
  }
}
