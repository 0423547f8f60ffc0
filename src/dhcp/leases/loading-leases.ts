// Keeps the leases of machines that load. Firmware gets a short lease and never renews it: a slow download outlives it, and its address
// would go to another machine, or be refused to the very one that loads.
//
//   asked, heard ─ look, every LOOK_MS while anybody loads or was heard ─┬─ heard within QUIET_MS, lease ends within AHEAD_MS ─▶ store
//                                                                        └─ quiet for QUIET_MS ─▶ forgotten: the lease ends by its time
//
// 1. A machine counts as heard while a transfer is under way, and when it was answered. A request alone, which anybody can forge in its
//    name, keeps no lease.
// 2. Nothing is done for a datagram: transfers are looked at every LOOK_MS, and a lease is written anew once in about QUIET_MS.
// 3. A lease that has ended meanwhile runs again, unless its address is on offer or somebody else's. One that was given back does not.
// 4. No lease runs on that its client could not renew: an address that the operator gave away, or a client that is denied, is kept by
//    nothing that it loads.

import { BoundedMap } from '../../bounded-map.ts';
import { type Clock, type Instant, later, type Timer } from '../../clock.ts';
import type { Ipv4 } from '../../net/address.ts';
import type { Lease } from './lease.ts';
import type { LeaseView } from './lease-table.ts';

/** How long a machine may be silent, in milliseconds, before its lease ends by its own time: a kernel has started by then, and asks. */
export const QUIET_MS = 60_000;
/** How often the transfers are looked at, in milliseconds. */
export const LOOK_MS = 2000;
/** A lease is written anew when it ends within this time, in milliseconds. */
export const AHEAD_MS = 15_000;
/**
 * Addresses that are remembered as those of machines that load. Machines fill it that were answered or have a transfer under way: a few for
 * each machine that boots. Beyond it the one silent for longest is forgotten, and its lease ends by its own time. It empties QUIET_MS after
 * the machines have become quiet.
 */
export const LOADING_MAX = 2048;
/** Leases that one look writes anew; the rest follows with the next one. Bounds the time that the rack loop is away to about a millisecond. */
export const KEPT_PER_LOOK_MAX = 512;

/** Told of an address that loads, and when it was last heard. */
export type VisitLoading = (address: Ipv4, heardAt: Instant) => void;

export interface LoadingPorts {
  readonly clock: Clock;
  readonly leases: Pick<LeaseView, 'find' | 'isFree'>;
  /** Visits every transfer under way whose client has shown that it is there. @returns how many transfers there are, others too */
  readonly visitLoading: (visit: VisitLoading) => number;
  /** True where the client of a lease could renew it. */
  readonly mayRunOn: (lease: Lease, now: Instant) => boolean;
  /** Stores leases: all, or none while the disk does not take them. */
  readonly store: (leases: readonly Lease[]) => void;
}

/** The leases of machines that load, kept. */
export class LoadingLeases {
  readonly #ports: LoadingPorts;
  /** When each was heard last, the one silent for longest first. */
  readonly #heardAt = new BoundedMap<Ipv4, Instant>(LOADING_MAX, 'set longest ago');
  #timer: Timer | undefined;
  #closed = false;

  constructor(ports: LoadingPorts) {
    this.#ports = ports;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#heardAt.size;
  }

  /** Somebody asked for a file: there may be a transfer from now on. */
  asked(): void {
    if (this.#closed) return;
    this.#timer ??= this.#ports.clock.schedule(LOOK_MS, () => this.#look());
  }

  /** A machine was answered: it is there. */
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
    const now = this.#ports.clock.now();
    const transfers = this.#ports.visitLoading((address, heardAt) => {
      if (heardAt > (this.#heardAt.get(address) ?? 0)) this.heard(address, heardAt);
    });
    const kept: Lease[] = [];
    for (const [address, heardAt] of this.#heardAt) {
      if (kept.length >= KEPT_PER_LOOK_MAX) break;
      const quietAt = later(heardAt, QUIET_MS);
      const lease = quietAt > now ? this.#endingSoon(address, now) : undefined;
      if (quietAt <= now) this.#heardAt.delete(address);
      else if (lease !== undefined && lease.expiresAt < quietAt) kept.push({ ...lease, expiresAt: quietAt });
    }
    if (kept.length > 0) this.#ports.store(kept);
    if (transfers > 0 || this.#heardAt.size > 0) this.asked();
  }

  /** The lease of an address, when it ends soon or has ended, nobody else may have the address by now, and its client could renew it. */
  #endingSoon(address: Ipv4, now: Instant): Lease | undefined {
    const { leases, mayRunOn } = this.#ports;
    const lease = leases.find(address);
    if (lease?.state !== 'bound' || lease.expiresAt > later(now, AHEAD_MS)) return undefined;
    const isIts = lease.expiresAt > now || leases.isFree(address);
    return isIts && mayRunOn(lease, now) ? lease : undefined;
  }
}
