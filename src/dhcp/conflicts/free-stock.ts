// Addresses that a probe ahead of need found unused, so that a new client need not wait for one.
//
//   wanted ─ probe ─┬─ no answer ─ add ─▶ first ─▶ offered: remove
//                   └─ an answer: not added        └─ older than STOCK_REFRESH_MS: probed again; than STOCK_FRESH_MS: not given
//
// 1. At most STOCK_SIZE a network, the oldest used first.
// 2. An address heard, offered or leased leaves at once; one that otherwise gained an owner is
//    skipped until cleared out.

import type { Ipv4 } from '../../ground/address.ts';
import { type Instant, later } from '../../ground/clock.ts';

/** Enough for the first machines when a rack is powered on. */
export const STOCK_SIZE = 16;
/** How long a probe is believed, in milliseconds. */
export const STOCK_FRESH_MS = 300_000;
/** When an address is probed again, in milliseconds. */
export const STOCK_REFRESH_MS = 240_000;

interface FreeAddress {
  readonly network: string;
  readonly at: Instant;
}

/** Known-free addresses of all networks, which do not overlap. */
export class FreeStock {
  /** Oldest probe first. */
  readonly #known = new Map<Ipv4, FreeAddress>();
  readonly #sizes = new Map<string, number>();

  /** @param isFree whether it can still be handed out */
  first(network: string, now: Instant, isFree: (address: Ipv4) => boolean): Ipv4 | undefined {
    if ((this.#sizes.get(network) ?? 0) === 0) return undefined;
    for (const [address, entry] of this.#known) {
      if (entry.network === network && isFresh(entry, now) && isFree(address)) return address;
    }
    return undefined;
  }

  has(address: Ipv4, now: Instant): boolean {
    const entry = this.#known.get(address);
    return entry !== undefined && isFresh(entry, now);
  }

  /** How many more a network needs. */
  wanted(network: string): number {
    return STOCK_SIZE - (this.#sizes.get(network) ?? 0);
  }

  /** Ignored beyond STOCK_SIZE. */
  add(network: string, address: Ipv4, now: Instant): void {
    this.remove(address);
    const size = this.#sizes.get(network) ?? 0;
    if (size >= STOCK_SIZE) return;
    this.#known.set(address, { network, at: now });
    this.#sizes.set(network, size + 1);
  }

  /** Removes an address given or in use. @returns true if it was in stock */
  remove(address: Ipv4): boolean {
    const entry = this.#known.get(address);
    if (entry === undefined) return false;
    this.#known.delete(address);
    this.#sizes.set(entry.network, (this.#sizes.get(entry.network) ?? 1) - 1);
    return true;
  }

  /** Addresses with old probes; they stay until probed again. */
  stale(network: string, now: Instant): readonly Ipv4[] {
    const stale: Ipv4[] = [];
    for (const [address, entry] of this.#known) {
      if (entry.network === network && later(entry.at, STOCK_REFRESH_MS) <= now) stale.push(address);
    }
    return stale;
  }

  /** Keeps only addresses that can still be given. */
  keep(isKept: (network: string, address: Ipv4) => boolean): void {
    for (const [address, { network }] of [...this.#known]) if (!isKept(network, address)) this.remove(address);
  }
}

const isFresh = ({ at }: FreeAddress, now: Instant): boolean => later(at, STOCK_FRESH_MS) > now;
