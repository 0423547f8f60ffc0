// Which lease ends next: a binary heap of addresses by the moment at which they are to be looked at.
//
// 1. An address has at most three entries, whatever is renewed how often: a later end leaves its entry where it is (the
//    address is looked at too early and put back), and an end earlier than the entry adds one. Ends get earlier by a release
//    or a shorter lease only, and time passes between two of those.

import type { Instant } from '../clock.ts';
import type { Ipv4 } from '../net/address.ts';

interface Entry {
  readonly at: Instant;
  readonly address: Ipv4;
}

/** Addresses ordered by moment; taking the earliest costs the logarithm of their number. */
export class ExpiryQueue {
  readonly #heap: Entry[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest moment in the queue; undefined when it is empty. */
  get next(): Instant | undefined {
    return this.#heap[0]?.at;
  }

  add(address: Ipv4, at: Instant): void {
    const heap = this.#heap;
    const entry = { at, address };
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || parent.at <= at) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = entry;
  }

  /** Takes out the earliest entry if its moment is not after `now`. */
  take(now: Instant): Ipv4 | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sink(last);
    return first.address;
  }

  #sink(entry: Entry): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = heap[childIndex];
      const right = heap[childIndex + 1];
      if (child !== undefined && right !== undefined && right.at < child.at) {
        childIndex += 1;
        child = right;
      }
      if (child === undefined || child.at >= entry.at) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = entry;
  }
}
