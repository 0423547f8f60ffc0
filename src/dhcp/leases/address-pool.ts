// The addresses of one dynamic range for unknown clients: never used ones, then those ended, oldest
// first. Kept up to date, so that a choice costs the same in an empty range and in a nearly full
// one.
//
// 1. An address neither barred nor on offer is in `unused` if it has no record, in `ended` if its
//    record has ended.
// 2. Barred are the rack's own and the router's, reservations, the static range, and machines' addresses.
// 3. A larger range is used up to POOL_ADDRESSES_MAX.

import { type Ipv4, type Ipv4Range, ipv4, rangeSize } from '../../ground/address.ts';
import { DeadlineQueue, type QueuedItem } from '../../ground/deadline-queue.ts';
import { AddressBits } from './address-bits.ts';
import type { Lease } from './lease.ts';

/** Addresses of one range: a /8, whose bits take 2 MB. */
const POOL_ADDRESSES_MAX = 2 ** 24;

export interface Slot extends QueuedItem {
  lease: Lease;
  queue: DeadlineQueue<Slot> | undefined;
}

export interface RangeUsage {
  readonly subnet: string;
  readonly range: Ipv4Range;
  /** Addresses not barred. */
  readonly usable: number;
  /** What an unknown client could get now. */
  readonly free: number;
  /** Held for clients that have not decided. */
  readonly offered: number;
  /** Found in use without a lease. */
  readonly declined: number;
}

export class AddressPool implements RangeUsage {
  readonly range: Ipv4Range;
  /** Offsets of never used addresses. */
  readonly unused: AddressBits;
  readonly ended = new DeadlineQueue<Slot>();
  /** Its network's name, which may change. */
  subnet = '';
  barred: ReadonlySet<Ipv4> = new Set();
  offered = 0;
  declined = 0;

  constructor(range: Ipv4Range) {
    const size = Math.min(rangeSize(range), POOL_ADDRESSES_MAX);
    this.range = { low: range.low, high: ipv4(range.low + size - 1) };
    this.unused = new AddressBits(size);
  }

  /** The next never used address from `offset` (0 to 2^32 - 1). */
  findUnused(offset: number): Ipv4 | undefined {
    const index = this.unused.next(offset % this.unused.length);
    return index === undefined ? undefined : ipv4(this.range.low + index);
  }

  get usable(): number {
    return this.unused.length - this.barred.size;
  }

  get free(): number {
    return this.unused.size + this.ended.size;
  }

  usage(): RangeUsage {
    const { subnet, range, usable, free, offered, declined } = this;
    return { subnet, range, usable, free, offered, declined };
  }
}
