// The running leases outside the dynamic ranges that the region may not know yet. It gives no such
// address to another host, so it must know all of them (`stranger-events.ts`).
//
//   the region's first state, or one of another history ─ addAll ─ TURN_LEASES a turn ┄ all looked at ─┐
//   ranges changed, leases imported ──────────────────── add ──────────────────────────────────────────┴─▶ waiting ─ take ─▶ events
//
// 1. At most LEASES_REPORTED_MAX leases wait, those that expire last: the region keeps no more
//    leases of one rack.
// 2. Only addresses wait. An event has the lease that runs when it is taken, so no old lease
//    follows the news of its end.
// 3. The region takes a host's last report for its present address, so the event of the host's
//    newest lease comes last.
// 4. A machine that is being deployed is left out: when its system takes an address, the region
//    concludes that the system runs.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DhcpEvent } from '../dhcp/events/events.ts';
import type { Lease } from '../dhcp/leases/lease.ts';
import { isActive } from '../dhcp/leases/lease-table.ts';
import type { Ipv4 } from '../ground/address.ts';
import { type Instant, instant } from '../ground/clock.ts';
import { DeadlineQueue, type QueuedItem } from '../ground/deadline-queue.ts';
import { composeAckEvent, type KnownHosts } from './stranger-events.ts';

/**
 * Leases that wait to be sent to the region, which keeps as many of one rack. At the bound, the
 * leases that expire first are left out.
 */
export const LEASES_REPORTED_MAX = 16_384;
/** Leases scanned in one turn of the event loop: some tenths of a millisecond. */
const TURN_LEASES = 1024;
const FOREVER = instant(Number.POSITIVE_INFINITY);

interface UnreportedLease extends QueuedItem {
  readonly address: Ipv4;
}

export class UnreportedLeases {
  readonly #knownHosts: KnownHosts;
  readonly #byAddress = new Map<Ipv4, UnreportedLease>();
  /** By expiry. */
  readonly #byExpiry = new DeadlineQueue<UnreportedLease>();
  #isScanning = false;
  #isScanDue = false;
  #isClosed = false;

  constructor(knownHosts: KnownHosts) {
    this.#knownHosts = knownHosts;
  }

  /** How many leases wait. */
  get size(): number {
    return this.#byAddress.size;
  }

  /** Adds leases as far as they run outside the dynamic ranges. */
  add(leases: Iterable<Lease>, now: Instant): void {
    for (const lease of leases) this.#add(lease, now);
  }

  /**
   * Adds all such leases of the rack; `take` returns none meanwhile. A second call during the scan
   * restarts it.
   */
  async addAll(now: () => Instant): Promise<void> {
    this.#isScanDue = true;
    if (this.#isScanning) return;
    this.#isScanning = true;
    while (this.#isScanDue && !this.#isClosed) {
      this.#isScanDue = false;
      let scannedCount = 0;
      for (const lease of this.#knownHosts.listLeases()) {
        this.#add(lease, now());
        scannedCount += 1;
        if (scannedCount % TURN_LEASES === 0) await nextTurn();
        if (this.#isClosed) break;
      }
    }
    this.#isScanning = false;
  }

  /**
   * Takes leases that still run.
   * @returns the events that send them: one or two for each of at most `count` leases
   */
  take(count: number, now: Instant): readonly DhcpEvent[] {
    const events: DhcpEvent[] = [];
    let takenCount = 0;
    while (takenCount < count && !this.#isScanning) {
      const item = this.#byExpiry.takeDue(FOREVER);
      if (item === undefined) break;
      this.#byAddress.delete(item.address);
      const lease = this.#knownHosts.findLease(item.address);
      if (!this.#isOutside(lease, now) || this.#knownHosts.isDeploying(lease.mac)) continue;
      takenCount += 1;
      events.push(composeAckEvent(lease));
      const newest = this.#findNewest(lease);
      if (newest !== lease) events.push(composeAckEvent(newest));
    }
    return events;
  }

  /** Ends a running scan. */
  close(): void {
    this.#isClosed = true;
  }

  #add(lease: Lease, now: Instant): void {
    if (!this.#isOutside(lease, now)) return;
    const { address, expiresAt } = lease;
    const isFull = this.#byAddress.size >= LEASES_REPORTED_MAX && !this.#byAddress.has(address);
    if (isFull && expiresAt <= (this.#byExpiry.nextAt ?? FOREVER)) return;
    if (isFull) this.#byAddress.delete(this.#byExpiry.takeDue(FOREVER)?.address ?? address);
    const item = this.#byAddress.get(address) ?? { address, heapIndex: -1 };
    this.#byAddress.set(address, item);
    this.#byExpiry.set(item, expiresAt);
  }

  #isOutside(lease: Lease | undefined, now: Instant): lease is Lease {
    return isActive(lease, now) && !this.#knownHosts.isDynamic(lease.address);
  }

  /** The newest running lease of a lease's host. */
  #findNewest(lease: Lease): Lease {
    const leases = this.#knownHosts.findRunningLeases(new Set([lease.mac]));
    return leases.reduce((newest, candidate) => (candidate.grantedAt > newest.grantedAt ? candidate : newest), lease);
  }
}
