// The running leases outside the dynamic ranges that the region may not know yet. It gives no such
// address to another host, so it must know all of them (`stranger-events.ts`).
//
//   the region's first state, or one of another history ─ addAll ─ TURN_LEASES a turn ┄ all looked at ─┐
//   ranges changed, leases imported ──────────────────── add ──────────────────────────────────────────┴─▶ waiting ─ take ─▶ events
//
// 1. LEASES_TOLD_MAX wait at most, those that end last: the region keeps no more of one rack.
// 2. Only addresses wait. An event has the lease that runs when it is taken, so no old lease
//    follows the news of its end.
// 3. The region takes a host's last report for its present address, so the event of the host's
//    newest lease comes last.
// 4. A machine that is being deployed is left out: its system shows by taking an address that it runs.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DhcpEvent } from '../dhcp/events/events.ts';
import type { Lease } from '../dhcp/leases/lease.ts';
import { isActive } from '../dhcp/leases/lease-table.ts';
import type { Ipv4 } from '../ground/address.ts';
import { type Instant, instant } from '../ground/clock.ts';
import { DeadlineQueue, type Waiting } from '../ground/deadline-queue.ts';
import { ackEvent, type KnownHosts } from './stranger-events.ts';

/**
 * Leases that wait to be sent to the region; it keeps as many of one rack. At the bound those that
 * end first are left out.
 */
export const LEASES_TOLD_MAX = 16_384;
/** Leases looked at in one turn of the event loop: some tenths of a millisecond. */
const TURN_LEASES = 1024;
const FOREVER = instant(Number.POSITIVE_INFINITY);

interface Untold extends Waiting {
  readonly address: Ipv4;
}

export class UntoldLeases {
  readonly #known: KnownHosts;
  readonly #byAddress = new Map<Ipv4, Untold>();
  /** By their ends. */
  readonly #waiting = new DeadlineQueue<Untold>();
  #isLooking = false;
  #isDue = false;
  #closed = false;

  constructor(known: KnownHosts) {
    this.#known = known;
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
   * Adds all such leases of the rack; none is taken meanwhile. A call during another call makes
   * that one start again.
   */
  async addAll(now: () => Instant): Promise<void> {
    this.#isDue = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (this.#isDue && !this.#closed) {
      this.#isDue = false;
      let looked = 0;
      for (const lease of this.#known.leases()) {
        this.#add(lease, now());
        looked += 1;
        if (looked % TURN_LEASES === 0) await nextTurn();
        if (this.#closed) break;
      }
    }
    this.#isLooking = false;
  }

  /**
   * Takes leases that still run. @returns the events that send them: one or two for each of at most
   * `count` leases
   */
  take(count: number, now: Instant): readonly DhcpEvent[] {
    const events: DhcpEvent[] = [];
    let taken = 0;
    while (taken < count && !this.#isLooking) {
      const next = this.#waiting.takeDue(FOREVER);
      if (next === undefined) break;
      this.#byAddress.delete(next.address);
      const lease = this.#known.leaseAt(next.address);
      if (!this.#isOutside(lease, now) || this.#known.isDeploying(lease.mac)) continue;
      taken += 1;
      events.push(ackEvent(lease));
      const newest = this.#findNewest(lease);
      if (newest !== lease) events.push(ackEvent(newest));
    }
    return events;
  }

  /** Ends a look at all leases. */
  close(): void {
    this.#closed = true;
  }

  #add(lease: Lease, now: Instant): void {
    if (!this.#isOutside(lease, now)) return;
    const { address, expiresAt } = lease;
    const isFull = this.#byAddress.size >= LEASES_TOLD_MAX && !this.#byAddress.has(address);
    if (isFull && expiresAt <= (this.#waiting.nextAt ?? FOREVER)) return;
    if (isFull) this.#byAddress.delete(this.#waiting.takeDue(FOREVER)?.address ?? address);
    const untold = this.#byAddress.get(address) ?? { address, place: -1 };
    this.#byAddress.set(address, untold);
    this.#waiting.set(untold, expiresAt);
  }

  #isOutside(lease: Lease | undefined, now: Instant): lease is Lease {
    return isActive(lease, now) && !this.#known.isDynamic(lease.address);
  }

  /** The newest running lease of a lease's host. */
  #findNewest(lease: Lease): Lease {
    const others = this.#known.findRunningLeases(new Set([lease.mac]));
    return others.reduce((newest, candidate) => (candidate.grantedAt > newest.grantedAt ? candidate : newest), lease);
  }
}
