// Keeps the leases of loading machines: firmware gets a short lease and never renews it, and a slow
// download outlives it. Otherwise another machine could get the address.
//
//   asked, heard ─ look, every CHECK_MS while a machine loads or was heard ─┬─ heard within QUIET_MS, lease ends within AHEAD_MS ─▶ store
//                                                                          └─ quiet for QUIET_MS ─▶ forgotten: the lease ends by its time
//
// 1. A machine counts as heard while a transfer runs, and when it was answered. A mere request can
//    be forged and keeps no lease.
// 2. Transfers are checked every CHECK_MS, and a lease is rewritten about once in QUIET_MS.
// 3. An expired lease is revived, unless it was released, or its address was offered or leased to
//    another client.
// 4. A lease is extended only if its client could renew it.

import type { Ipv4 } from '../../ground/address.ts';
import { BoundedMap } from '../../ground/bounded-map.ts';
import { type Clock, type Instant, later, type Timer } from '../../ground/clock.ts';
import type { Lease } from './lease.ts';
import type { LeaseView } from './lease-table.ts';

/**
 * How long a machine may be silent before its lease ends by itself, in milliseconds; a kernel has
 * started and asks by then.
 */
export const QUIET_MS = 60_000;
/** How often the transfers are checked, in milliseconds. */
export const CHECK_MS = 2000;
/** A lease that ends within this time is rewritten, in milliseconds. */
export const AHEAD_MS = 15_000;
/**
 * How many addresses of loading machines are remembered. Booting machines fill it, with a few
 * addresses each. Beyond it the longest silent one is forgotten, and its lease ends by itself. It
 * empties QUIET_MS after the machines go quiet.
 */
export const LOADING_MAX = 2048;
/** How many leases one look rewrites, in about a millisecond; the next look takes the rest. */
export const KEPT_PER_CHECK_MAX = 512;

/** Called with a loading address and when it was last heard. */
export type VisitLoading = (address: Ipv4, heardAt: Instant) => void;

interface LoadingLeasesDeps {
  readonly clock: Clock;
  readonly leases: Pick<LeaseView, 'find' | 'isFree'>;
  /** Visits transfers whose client has shown its presence. @returns the number of all transfers */
  readonly visitLoading: (visit: VisitLoading) => number;
  /** True if the client of a lease could renew it. */
  readonly mayExtend: (lease: Lease, now: Instant) => boolean;
  /** Stores leases: all, or none while the disk refuses. */
  readonly store: (leases: readonly Lease[]) => void;
}

/** Keeps the leases of loading machines. */
export class LoadingLeases {
  readonly #deps: LoadingLeasesDeps;
  /** When each was last heard, the longest silent first. */
  readonly #heardAt = new BoundedMap<Ipv4, Instant>(LOADING_MAX, 'set longest ago');
  #timer: Timer | undefined;
  #closed = false;

  constructor(deps: LoadingLeasesDeps) {
    this.#deps = deps;
  }

  /** Called when a client asks for a file. */
  asked(): void {
    if (this.#closed) return;
    this.#timer ??= this.#deps.clock.schedule(CHECK_MS, () => this.#look());
  }

  /** Called when a machine was answered. */
  heard(address: Ipv4, at: Instant): void {
    this.#heardAt.set(address, at);
    this.asked();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #look(): void {
    this.#timer = undefined;
    const now = this.#deps.clock.now();
    const transfers = this.#deps.visitLoading((address, heardAt) => {
      if (heardAt > (this.#heardAt.get(address) ?? 0)) this.heard(address, heardAt);
    });
    const extended: Lease[] = [];
    for (const [address, heardAt] of this.#heardAt) {
      if (extended.length >= KEPT_PER_CHECK_MAX) break;
      const quietAt = later(heardAt, QUIET_MS);
      const lease = quietAt > now ? this.#endingSoon(address, now) : undefined;
      if (quietAt <= now) this.#heardAt.delete(address);
      else if (lease !== undefined && lease.expiresAt < quietAt) extended.push({ ...lease, expiresAt: quietAt });
    }
    if (extended.length > 0) this.#deps.store(extended);
    if (transfers > 0 || this.#heardAt.size > 0) this.asked();
  }

  /** The address's lease if it ends soon or has ended, and its client could still renew it. */
  #endingSoon(address: Ipv4, now: Instant): Lease | undefined {
    const { leases, mayExtend: mayRunOn } = this.#deps;
    const lease = leases.find(address);
    if (lease?.state !== 'bound' || lease.expiresAt > later(now, AHEAD_MS)) return undefined;
    const stillBelongsToClient = lease.expiresAt > now || leases.isFree(address);
    return stillBelongsToClient && mayRunOn(lease, now) ? lease : undefined;
  }
}
