// Bounds how many hosts that nobody has heard are replied to at a time. For each host of an attached network that a datagram goes to, the kernel
// keeps an entry in its ARP table, for all interfaces and network namespaces together, and one that answers no ARP keeps it for three
// seconds. Whoever asks in the names of absent hosts could so fill the table (net.ipv4.neigh.default.gc_thresh3, by default 1024), and
// hosts that are not in it would get no reply. Sources: arp(7); the kernel's neighbour table (neigh_forced_gc drops no entry that waits).
//
// 1. While datagrams go to fewer than LOOK_FROM different addresses in WAIT_MS, nothing is looked up.
// 2. A host that is in the ARP table, or behind a router, is always sent to. Who asks us something is in the table by its own ARP request.
// 3. At the bound the table is read again, at most once in FRESH_MS: of a hall of machines that boot together, all are in it.

import { type Clock, type Instant, later } from '../clock.ts';
import { WAIT_MS } from './absent-room.ts';
import type { Ipv4 } from './address.ts';
import type { ArpTable, Vicinity } from './send-room.ts';

/**
 * Hosts that are not in the ARP table and were sent to within WAIT_MS. Whoever asks in the names of absent hosts fills it. A host that
 * the rack has not heard is then answered when it asks again; all others notice nothing. It empties within WAIT_MS.
 */
export const UNHEARD_MAX = 256;
/** From so many different addresses on, it is looked up who is there. */
export const LOOK_FROM = 64;
/** How old the table may be by which a host is refused, in milliseconds. */
export const FRESH_MS = 50;

/** Decides for all sockets together who is sent to. */
export class UnheardHosts {
  readonly #clock: Clock;
  readonly #table: Pick<ArpTable, 'vicinity'>;
  /** Until when the kernel may wait for a host, the one that was sent to first in front. */
  readonly #waits = new Map<Ipv4, Instant>();
  /** The reading by which they were last judged. */
  #judgedBy: Vicinity | undefined;

  constructor(clock: Clock, table: Pick<ArpTable, 'vicinity'>) {
    this.#clock = clock;
    this.#table = table;
  }

  /** True when a datagram may go to `address`. */
  admits(address: Ipv4): boolean {
    const now = this.#clock.now();
    const until = this.#waits.get(address);
    if (until !== undefined && now < until) return true;
    if (!this.#hasRoom(address, now)) return this.#isHeard(address);
    if (this.#waits.size >= LOOK_FROM && !this.#table.vicinity().isAbsent(address)) return true;
    this.#waits.delete(address);
    this.#waits.set(address, later(now, WAIT_MS));
    return true;
  }

  /** Forgets whom the kernel does not wait for any more. */
  #hasRoom(address: Ipv4, now: Instant): boolean {
    for (const [first, until] of this.#waits) {
      if (now < until && first !== address) break;
      this.#waits.delete(first);
    }
    return this.#waits.size < UNHEARD_MAX;
  }

  /** At the bound: by a fresh look, which also tells who of the others has been heard by now. */
  #isHeard(address: Ipv4): boolean {
    const vicinity = this.#table.vicinity(FRESH_MS);
    if (vicinity !== this.#judgedBy) {
      this.#judgedBy = vicinity;
      for (const waiting of this.#waits.keys()) if (!vicinity.isAbsent(waiting)) this.#waits.delete(waiting);
    }
    return !vicinity.isAbsent(address);
  }
}
