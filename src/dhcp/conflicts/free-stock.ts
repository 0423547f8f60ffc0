// Addresses of each network that a probe ahead of need found unused, so that a new client gets an offer without waiting for a probe.
//
//   wanted ─ probe ─┬─ no answer ─ add ─▶ first ─▶ offered: remove
//                   └─ an answer: not added        └─ older than STOCK_REFRESH_MS: probed again; than STOCK_FRESH_MS: not given
//
// 1. At most STOCK_SIZE addresses of a network. The oldest is used first, so that few need another probe.
// 2. An address heard on the wire, offered or leased leaves the stock at once. One that gained an owner otherwise (a reservation, a machine
//    of the region) is skipped until it is cleared out.

import { type Instant, later } from '../../clock.ts';
import type { Ipv4 } from '../../net/address.ts';

/** Known-free addresses of a network: enough for the first machines when a rack is powered on; the others are probed as they come. */
export const STOCK_SIZE = 16;
/** How long a probe's result is believed, in milliseconds. */
export const STOCK_FRESH_MS = 300_000;
/** After this time, in milliseconds, an address is probed again. */
export const STOCK_REFRESH_MS = 240_000;

interface Known {
  readonly network: string;
  /** When its probe found no user. */
  readonly at: Instant;
}

/** The known-free addresses of all networks, which do not overlap. */
export class FreeStock {
  /** Oldest probe first. */
  readonly #known = new Map<Ipv4, Known>();
  readonly #sizes = new Map<string, number>();

  /**
   * The next known-free address of a network; undefined: none. Reading it changes nothing.
   * @param isFree whether the address can still be handed out
   */
  first(network: string, now: Instant, isFree: (address: Ipv4) => boolean): Ipv4 | undefined {
    if ((this.#sizes.get(network) ?? 0) === 0) return undefined;
    for (const [address, known] of this.#known) {
      if (known.network === network && isFresh(known, now) && isFree(address)) return address;
    }
    return undefined;
  }

  /** True while an address is known to be free. */
  has(address: Ipv4, now: Instant): boolean {
    const known = this.#known.get(address);
    return known !== undefined && isFresh(known, now);
  }

  /** How many more addresses a network needs. */
  wanted(network: string): number {
    return STOCK_SIZE - (this.#sizes.get(network) ?? 0);
  }

  /** Adds an address without a user; ignored beyond STOCK_SIZE. */
  add(network: string, address: Ipv4, now: Instant): void {
    this.remove(address);
    const size = this.#sizes.get(network) ?? 0;
    if (size >= STOCK_SIZE) return;
    this.#known.set(address, { network, at: now });
    this.#sizes.set(network, size + 1);
  }

  /** Removes an address that is given or in use. @returns true if it was in stock */
  remove(address: Ipv4): boolean {
    const known = this.#known.get(address);
    if (known === undefined) return false;
    this.#known.delete(address);
    this.#sizes.set(known.network, (this.#sizes.get(known.network) ?? 1) - 1);
    return true;
  }

  /** The addresses of a network whose probes are old; they stay until probed again. */
  stale(network: string, now: Instant): readonly Ipv4[] {
    const found: Ipv4[] = [];
    for (const [address, known] of this.#known) {
      if (known.network === network && later(known.at, STOCK_REFRESH_MS) <= now) found.push(address);
    }
    return found;
  }

  /** Keeps only the addresses for which `isKept` is true: those that can still be given. */
  keep(isKept: (network: string, address: Ipv4) => boolean): void {
    for (const [address, { network }] of [...this.#known]) if (!isKept(network, address)) this.remove(address);
  }
}

const isFresh = ({ at }: Known, now: Instant): boolean => later(at, STOCK_FRESH_MS) > now;
