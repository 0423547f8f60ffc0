// Bounds how many hosts without an ARP entry are sent to at once. For each host of an attached
// network that is sent to, the kernel keeps an ARP entry, shared by all interfaces and network
// namespaces; a host that answers no ARP keeps its entry for three seconds. Requests with forged
// addresses could fill the table (net.ipv4.neigh.default.gc_thresh3, by default 1024), and new
// hosts would get no reply. Sources: arp(7); the kernel's neighbour table (neigh_forced_gc drops no
// waiting entry).
//
// 1. While datagrams go to fewer than CHECK_FROM different addresses in WAIT_MS, nothing is looked up.
// 2. Sending to a host with an ARP entry or behind a router is always allowed. A host that asks us
//    has an entry by its own ARP request.
// 3. At the bound the table is read again, at most once in FRESH_MS.

import type { Ipv4 } from '../../ground/address.ts';
import { type Clock, type Instant, later } from '../../ground/clock.ts';
import type { ArpTable, Vicinity } from './send-space.ts';

/**
 * Hosts without an ARP entry sent to within WAIT_MS. Forged requests fill it. A new host is then
 * answered when it retries; all others notice nothing. It empties within WAIT_MS.
 */
const ABSENT_HOSTS_MAX = 256;
/**
 * How long the kernel keeps a datagram for a host that answers no ARP, in milliseconds:
 * mcast_solicit times retrans_time.
 */
export const WAIT_MS = 3000;
/** From this many addresses on, the ARP table is read. */
export const CHECK_FROM = 64;
/** The greatest age of the table that may refuse a host, in milliseconds. */
export const FRESH_MS = 50;

export class AbsentHosts {
  readonly #clock: Clock;
  readonly #table: Pick<ArpTable, 'vicinity'>;
  /**
   * Until when the kernel may wait for each host. No `BoundedMap`: a full one refuses a newcomer,
   * and forgets no host.
   */
  readonly #waits = new Map<Ipv4, Instant>();
  /** The reading used last. */
  #judgedBy: Vicinity | undefined;

  constructor(clock: Clock, table: Pick<ArpTable, 'vicinity'>) {
    this.#clock = clock;
    this.#table = table;
  }

  admits(address: Ipv4): boolean {
    const now = this.#clock.now();
    const until = this.#waits.get(address);
    if (until !== undefined && now < until) return true;
    if (!this.#hasRoom(address, now)) return this.#isPresent(address);
    if (this.#waits.size >= CHECK_FROM && !this.#table.vicinity().isAbsent(address)) return true;
    this.#waits.delete(address);
    this.#waits.set(address, later(now, WAIT_MS));
    return true;
  }

  #hasRoom(address: Ipv4, now: Instant): boolean {
    for (const [first, until] of this.#waits) {
      if (now < until && first !== address) break;
      this.#waits.delete(first);
    }
    return this.#waits.size < ABSENT_HOSTS_MAX;
  }

  /** At the bound: reads the table again, which may also free others' places. */
  #isPresent(address: Ipv4): boolean {
    const vicinity = this.#table.vicinity(FRESH_MS);
    if (vicinity !== this.#judgedBy) {
      this.#judgedBy = vicinity;
      for (const waiting of this.#waits.keys()) if (!vicinity.isAbsent(waiting)) this.#waits.delete(waiting);
    }
    return !vicinity.isAbsent(address);
  }
}
