// The addresses of one dynamic range that an unknown client can get: never used ones, and those whose lease has ended, oldest first.
// Updated with each change of a record or an offer, so that choosing an address costs the same in an empty range and in one with a single
// free address.
//
// 1. An address is in `unused` if it has no record, and in `ended` if its record has ended; in either case it must be neither barred nor on
//    offer. Any other address is in neither.
// 2. Barred addresses are those that configuration and region keep from dynamic use: the rack's own and the router's, reservations, the
//    static range, addresses of machines.
// 3. A range larger than POOL_ADDRESSES_MAX is used only up to that size.

import { DeadlineQueue, type Waiting } from '../../deadline-queue.ts';
import { type Ipv4, type Ipv4Range, ipv4, rangeSize } from '../../net/address.ts';
import { AddressBits } from './address-bits.ts';
import type { Lease } from './lease.ts';

/** How many addresses of one range are handed out: a /8. Their bits take 2 MB. */
const POOL_ADDRESSES_MAX = 2 ** 24;

/** An address with its record, and the queue it waits in: for the end of its lease, or to be handed out again. */
export interface Slot extends Waiting {
  lease: Lease;
  queue: DeadlineQueue<Slot> | undefined;
}

/** How full a range is. */
export interface RangeUsage {
  /** The name of its network. */
  readonly subnet: string;
  readonly range: Ipv4Range;
  /** Addresses that can be handed out at all: those not barred. */
  readonly usable: number;
  /** Addresses that an unknown client could get now. */
  readonly free: number;
  /** Addresses held for clients that have not decided. */
  readonly offered: number;
  /** Addresses that a host was found using without a lease. */
  readonly declined: number;
}

/** The addresses of one dynamic range. Its usage is always current. */
export class AddressPool implements RangeUsage {
  readonly range: Ipv4Range;
  /** The offsets of never used addresses in the range. */
  readonly unused: AddressBits;
  /** Addresses whose lease has ended, ordered by its end. */
  readonly ended = new DeadlineQueue<Slot>();
  /** The name of its network; changes if the network is renamed. */
  subnet = '';
  barred: ReadonlySet<Ipv4> = new Set();
  offered = 0;
  declined = 0;

  constructor(range: Ipv4Range) {
    const size = Math.min(rangeSize(range), POOL_ADDRESSES_MAX);
    this.range = { low: range.low, high: ipv4(range.low + size - 1) };
    this.unused = new AddressBits(size);
  }

  /** The next never used address from `offset` (0 to 2^32 - 1) on; undefined: none. */
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

  /** A snapshot of the usage. */
  usage(): RangeUsage {
    const { subnet, range, usable, free, offered, declined } = this;
    return { subnet, range, usable, free, offered, declined };
  }
}
