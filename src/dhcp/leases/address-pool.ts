// What of one dynamic range can be handed out to a client that nobody knows: the addresses that were never used, and those whose lease
// has ended, the oldest first. Kept with each change of a record or an offer, so that choosing an address costs the same in an empty
// range and in one that is full but for one address.
//
// 1. An address is in `unused` when it has no record and is neither barred nor on offer; in `ended` when its record has ended and it is
//    neither barred nor on offer; in none of the two otherwise.
// 2. Barred is what configuration and region keep from everybody: the rack's own and the router's address, reservations, the static
//    range, addresses of machines.
// 3. A range beyond POOL_ADDRESSES_MAX is handed out up to there.

import { DeadlineQueue, type Waiting } from '../../deadline-queue.ts';
import { type Ipv4, type Ipv4Range, ipv4, rangeSize } from '../../net/address.ts';
import { AddressBits } from './address-bits.ts';
import type { Lease } from './lease.ts';

/** The most addresses of one range that are handed out: a /8. Their bits take 2 MB. */
export const POOL_ADDRESSES_MAX = 2 ** 24;

/** An address with its record, and the queue in which it waits: for the end of its lease, or to be handed out again. */
export interface Slot extends Waiting {
  lease: Lease;
  queue: DeadlineQueue<Slot> | undefined;
}

/** How full a range is. */
export interface RangeUsage {
  /** Of which network. */
  readonly subnet: string;
  readonly range: Ipv4Range;
  /** Addresses that can be handed out at all: without those that are barred. */
  readonly usable: number;
  /** Those that a client nobody knows could have at this moment. */
  readonly free: number;
  /** Those that are kept for clients that make up their mind. */
  readonly offered: number;
  /** Those that somebody was found using without a lease. */
  readonly declined: number;
}

/** The addresses of one dynamic range. It tells its usage as it is at the moment of asking. */
export class AddressPool implements RangeUsage {
  readonly range: Ipv4Range;
  /** The offsets in the range of addresses that were never used. */
  readonly unused: AddressBits;
  /** Addresses whose lease has ended, by its end. */
  readonly ended = new DeadlineQueue<Slot>();
  /** Of which network; changes when a network is renamed. */
  subnet = '';
  barred: ReadonlySet<Ipv4> = new Set();
  offered = 0;
  declined = 0;

  constructor(range: Ipv4Range) {
    const size = Math.min(rangeSize(range), POOL_ADDRESSES_MAX);
    this.range = { low: range.low, high: ipv4(range.low + size - 1) };
    this.unused = new AddressBits(size);
  }

  /** An address nobody ever had, the next one from `offset` (0 to 2^32 - 1) on; undefined: there is none. */
  findUnused(offset: number): Ipv4 | undefined {
    const found = this.unused.next(offset % this.unused.length);
    return found === undefined ? undefined : ipv4(this.range.low + found);
  }

  get usable(): number {
    return this.unused.length - this.barred.size;
  }

  get free(): number {
    return this.unused.size + this.ended.size;
  }

  /** The usage of this moment. */
  usage(): RangeUsage {
    const { subnet, range, usable, free, offered, declined } = this;
    return { subnet, range, usable, free, offered, declined };
  }
}
