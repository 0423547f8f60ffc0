// Bounds how many hosts without an ARP entry are sent to at once. For each host of an attached
// network that is sent to, the kernel keeps an ARP entry, shared by all interfaces and network
// namespaces. A host that answers no ARP keeps its entry for three seconds. Requests with forged
// addresses could fill the table (net.ipv4.neigh.default.gc_thresh3, by default 1024), and new
// hosts would get no reply. Sources: arp(7); the kernel's neighbour table (neigh_forced_gc drops no
// waiting entry).
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
  readonly #arpTable: Pick<ArpTable, 'getVicinity'>;
  /**
   * Until when the kernel may wait for each host. No `BoundedMap`: a full one refuses a newcomer,
   * and forgets no host.
   */
  readonly #waitsUntil = new Map<Ipv4, Instant>();
  /** The last reading of the table that was applied. */
  #lastVicinity: Vicinity | undefined;

  constructor(clock: Clock, table: Pick<ArpTable, 'getVicinity'>) {
    this.#clock = clock;
    this.#arpTable = table;
  }

  admits(address: Ipv4): boolean {
    const now = this.#clock.now();
    const until = this.#waitsUntil.get(address);
    if (until !== undefined && now < until) return true;
    if (!this.#hasRoom(address, now)) return this.#isPresent(address);
    if (this.#waitsUntil.size >= CHECK_FROM && !this.#arpTable.getVicinity().isAbsent(address)) return true;
    this.#waitsUntil.delete(address);
    this.#waitsUntil.set(address, later(now, WAIT_MS));
    return true;
  }

  #hasRoom(address: Ipv4, now: Instant): boolean {
    for (const [host, until] of this.#waitsUntil) {
      if (now < until && host !== address) break;
      this.#waitsUntil.delete(host);
    }
    return this.#waitsUntil.size < ABSENT_HOSTS_MAX;
  }

  /** At the bound: reads the table again, which may also free slots of other hosts. */
  #isPresent(address: Ipv4): boolean {
    const vicinity = this.#arpTable.getVicinity(FRESH_MS);
    if (vicinity !== this.#lastVicinity) {
      this.#lastVicinity = vicinity;
      for (const host of this.#waitsUntil.keys()) if (!vicinity.isAbsent(host)) this.#waitsUntil.delete(host);
    }
    return !vicinity.isAbsent(address);
  }
}
