// Limits transfers that begin with a block, so that the rack is of little use for amplification attacks with forged source addresses.
//
// A request whose options are granted is answered with a packet shorter than itself, and the client must acknowledge it before the first
// block (RFC 2347). A request without options is answered with a block at once (RFC 1350 §4). So each such transfer costs its address a
// permit until the client acknowledges it. An address without a permit gets no answer; a client that exists retries.

import type { Instant } from '../clock.ts';
import type { Ipv4 } from '../net/address.ts';
import { AddressRates } from '../net/shares/address-rates.ts';
import type { Rate } from '../rate-limit.ts';
import type { Terms } from './terms.ts';

/**
 * Transfers without options to one address that it has not acknowledged: their first packet is a block, many times as long as the request.
 * A host that forges the address can use them up; a client at that address that asks without options must then wait. They refill with time
 * and with each acknowledgement.
 */
export const BLIND_BLOCKS: Rate = { perSecond: 50, burst: 500 };
/**
 * Transfers without options to a /24 that its addresses have not acknowledged. Forging all of its addresses yields no more than eight of
 * them would.
 */
export const NETWORK_BLIND_BLOCKS: Rate = { perSecond: 400, burst: 4000 };
/** Addresses with a rate of their own. Forged sources fill it; others then share one. Each leaves when its rate is whole again. */
export const BLIND_ADDRESSES_MAX = 4096;
/** Networks with a rate of their own; otherwise like BLIND_ADDRESSES_MAX. */
export const BLIND_NETWORKS_MAX = 1024;

/** Counts the blocks that no client has acknowledged. */
export class BlindBlocks {
  readonly #rates = new AddressRates(BLIND_BLOCKS, NETWORK_BLIND_BLOCKS, BLIND_ADDRESSES_MAX, BLIND_NETWORKS_MAX);

  /** True if a transfer on these terms may begin. */
  allows(client: Ipv4, terms: Terms, now: Instant): boolean {
    return terms.granted.length > 0 || this.#rates.allows(client, now);
  }

  /** Returns the permit of a transfer that its client has acknowledged. */
  acknowledged(client: Ipv4, terms: Terms, now: Instant): void {
    if (terms.granted.length === 0) this.#rates.giveBack(client, now);
  }
}
