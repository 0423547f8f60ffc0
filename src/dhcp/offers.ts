// Addresses that were offered and not yet asked for. An offer keeps its address for its client for a while, so that two clients
// are never offered the same one and the second is not refused in the middle of its boot.
//
// 1. An offer is a promise of this process alone: after a restart the REQUEST is judged by the leases.
// 2. A client has one offer at a time; a new one takes the place of the old.
// 3. At most OFFERS_MAX: beyond that the oldest offer is forgotten, and its client may be told NAK.

import { type Instant, later } from '../clock.ts';
import type { Ipv4, MacAddress } from '../net/address.ts';

/** How long an offer keeps its address: the longest a client of those measured takes from OFFER to REQUEST is 4 s. */
export const OFFER_HOLD_MS = 30_000;
/** The most offers remembered. */
export const OFFERS_MAX = 16_384;

/** An address kept for a client. */
export interface Offer {
  readonly address: Ipv4;
  readonly mac: MacAddress;
  readonly until: Instant;
}

/** What deciders may ask of the offers. */
export interface OfferView {
  /** The client for whom the address is kept at `now`; undefined: nobody. */
  holderOf(address: Ipv4, now: Instant): MacAddress | undefined;
  /** The address kept for the client at `now`. */
  offeredTo(mac: MacAddress, now: Instant): Ipv4 | undefined;
}

/** Offers by address and by client. */
export class Offers implements OfferView {
  /** In the order in which they were made. */
  readonly #byMac = new Map<MacAddress, Offer>();
  readonly #byAddress = new Map<Ipv4, Offer>();

  get size(): number {
    return this.#byMac.size;
  }

  holderOf(address: Ipv4, now: Instant): MacAddress | undefined {
    const offer = this.#byAddress.get(address);
    return offer !== undefined && offer.until > now ? offer.mac : undefined;
  }

  offeredTo(mac: MacAddress, now: Instant): Ipv4 | undefined {
    const offer = this.#byMac.get(mac);
    return offer !== undefined && offer.until > now ? offer.address : undefined;
  }

  /** Keeps `address` for `mac`, OFFER_HOLD_MS from now; the caller has seen that nobody else holds it. */
  hold(address: Ipv4, mac: MacAddress, now: Instant): void {
    this.drop(mac);
    const other = this.#byAddress.get(address);
    if (other !== undefined) this.drop(other.mac);
    const offer: Offer = { address, mac, until: later(now, OFFER_HOLD_MS) };
    this.#byMac.set(mac, offer);
    this.#byAddress.set(address, offer);
    this.#forget(now);
  }

  /** The client has its lease, or went elsewhere. */
  drop(mac: MacAddress): void {
    const offer = this.#byMac.get(mac);
    if (offer === undefined) return;
    this.#byMac.delete(mac);
    this.#byAddress.delete(offer.address);
  }

  /** Offers that ran out go at the next one; so does the oldest when there are too many. */
  #forget(now: Instant): void {
    for (const offer of this.#byMac.values()) {
      if (offer.until > now && this.#byMac.size <= OFFERS_MAX) return;
      this.drop(offer.mac);
    }
  }
}
