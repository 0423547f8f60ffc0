// Keeps track of the addresses that are being probed for a host without a lease, and of those probed just now.
//
// 1. An address is probed once at a time, and not again within PROBE_FRESH_MS.
// 2. `probe-turns.ts` limits how many run at a time; a probe that waits for its turn counts as running here.

import { BoundedMap } from '../../bounded-map.ts';
import { type Instant, later } from '../../clock.ts';
import type { Ipv4 } from '../../net/address.ts';

/** How long a probe's result counts, in milliseconds. */
export const PROBE_FRESH_MS = 60_000;
/** How many results are remembered; beyond this the oldest is forgotten, and its address is probed again. */
export const PROBES_REMEMBERED_MAX = 4096;

/** The probes of a server. */
export class ProbeBook {
  readonly #running = new Set<Ipv4>();
  readonly #freeAt = new BoundedMap<Ipv4, Instant>(PROBES_REMEMBERED_MAX, 'set longest ago');

  isRunning(address: Ipv4): boolean {
    return this.#running.has(address);
  }

  /** True if a probe found no user a moment ago. */
  isFresh(address: Ipv4, now: Instant): boolean {
    const freeAt = this.#freeAt.get(address);
    return freeAt !== undefined && later(freeAt, PROBE_FRESH_MS) > now;
  }

  /** Notes the start of a probe. */
  start(address: Ipv4): void {
    this.#running.add(address);
  }

  /** Forgets the result for an address. */
  forget(address: Ipv4): void {
    this.#freeAt.delete(address);
  }

  /** Notes the end of a probe; `free`: there was no answer. */
  finish(address: Ipv4, free: boolean, now: Instant): void {
    this.#running.delete(address);
    if (free) this.#freeAt.set(address, now);
    else this.#freeAt.delete(address);
  }
}
