// Keeps a send buffer free for present hosts without native calls (`send-space.ts` has them). It estimates instead: a datagram to a host
// without an ARP entry may wait for WAIT_MS. Sources: arp(7), the kernel's neighbour table (mcast_solicit times retrans_time: three
// seconds).
//
// 1. Datagrams for absent hosts never take more than a quarter of the buffer: an eighth at once, and an eighth within WAIT_MS.
// 2. Sending to present hosts and to hosts behind a router is always allowed. A host that asks us is in the table by its own ARP request.

import { type Instant, later } from '../../clock.ts';
import type { Ipv4 } from '../address.ts';
import type { Vicinity } from './send-space.ts';

/** How long the kernel keeps a datagram for a host that answers no ARP, in milliseconds. */
export const WAIT_MS = 3000;
/** The kernel's overhead per datagram, in addition to its bytes, which the kernel rounds up to at most twice as many. */
const OVERHEAD_BYTES = 768;

export class AbsentSpace {
  readonly #mostBytes: number;
  readonly #vicinity: () => Vicinity;
  #spaceBytes: number;
  #countedAt: Instant | undefined;

  /** @param bufferBytes as the kernel counts it */
  constructor(bufferBytes: number, vicinity: () => Vicinity) {
    this.#mostBytes = bufferBytes / 8;
    this.#vicinity = vicinity;
    this.#spaceBytes = this.#mostBytes;
  }

  /** If true, the space for `bytes` octets is taken. */
  admits(address: Ipv4, bytes: number, now: Instant): boolean {
    if (!this.#vicinity().isAbsent(address)) return true;
    this.#refill(now);
    const neededBytes = OVERHEAD_BYTES + 2 * bytes;
    // A datagram larger than the whole space passes when nothing else waits.
    if (this.#spaceBytes < Math.min(neededBytes, this.#mostBytes)) return false;
    this.#spaceBytes -= neededBytes;
    return true;
  }

  /** The full space is free again after WAIT_MS; a clock that went back frees nothing. */
  #refill(now: Instant): void {
    const since = this.#countedAt ?? now;
    const passedMs = now < since ? 0 : Math.min(now, later(since, WAIT_MS)) - since;
    this.#countedAt = now;
    this.#spaceBytes = Math.min(this.#mostBytes, this.#spaceBytes + (this.#mostBytes * passedMs) / WAIT_MS);
  }
}
