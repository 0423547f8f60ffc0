// Addresses of each network that were asked about on the wire ahead of need and that nobody uses: a new client is offered one of them
// at once, without waiting for a probe.
//
//   wanted ─ probe ─┬─ nobody answers ─ add ─▶ first ─▶ offered: remove
//                   └─ somebody does: not added        └─ older than STOCK_REFRESH_MS: asked again; than STOCK_FRESH_MS: not given
//
// 1. At most STOCK_SIZE addresses of a network; the oldest answer is used first, so that few have to be asked again.
// 2. An address that was heard on the wire, offered or leased leaves the stock at once; one that has become somebody's by other ways
//    (a reservation, a machine of the region) is passed over until it is cleared out.

import { type Instant, later } from '../../clock.ts';
import type { Ipv4 } from '../../net/address.ts';

/** Known-free addresses of a network: enough for the first machines of a rack that is switched on; the others are probed as they come. */
export const STOCK_SIZE = 16;
/** How long an answer is believed, in milliseconds. */
export const STOCK_FRESH_MS = 300_000;
/** After this time an address is asked about again. */
export const STOCK_REFRESH_MS = 240_000;

interface Known {
  readonly network: string;
  /** When nobody answered for it. */
  readonly at: Instant;
}

/** Known-free addresses of all networks, which share none. */
export class FreeStock {
  /** Oldest answer first. */
  readonly #known = new Map<Ipv4, Known>();
  readonly #sizes = new Map<string, number>();

  /**
   * The address of a network to give next; undefined: none is known to be free. Asking changes nothing.
   * @param isFree whether it can still be handed out
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

  /** How many more addresses a network could use. */
  wanted(network: string): number {
    return STOCK_SIZE - (this.#sizes.get(network) ?? 0);
  }

  /** Nobody answered for an address. What is beyond STOCK_SIZE is left out. */
  add(network: string, address: Ipv4, now: Instant): void {
    this.remove(address);
    const size = this.#sizes.get(network) ?? 0;
    if (size >= STOCK_SIZE) return;
    this.#known.set(address, { network, at: now });
    this.#sizes.set(network, size + 1);
  }

  /** The address is given, or somebody uses it. @returns true: it was in stock */
  remove(address: Ipv4): boolean {
    const known = this.#known.get(address);
    if (known === undefined) return false;
    this.#known.delete(address);
    this.#sizes.set(known.network, (this.#sizes.get(known.network) ?? 1) - 1);
    return true;
  }

  /** The addresses of a network whose answers are old; they stay until they are asked about again. */
  stale(network: string, now: Instant): readonly Ipv4[] {
    const found: Ipv4[] = [];
    for (const [address, known] of this.#known) {
      if (known.network === network && later(known.at, STOCK_REFRESH_MS) <= now) found.push(address);
    }
    return found;
  }

  /** Keeps the addresses that `isKept` says are still to be given, and forgets the others. */
  keep(isKept: (network: string, address: Ipv4) => boolean): void {
    for (const [address, { network }] of [...this.#known]) if (!isKept(network, address)) this.remove(address);
  }
}

const isFresh = ({ at }: Known, now: Instant): boolean => later(at, STOCK_FRESH_MS) > now;
