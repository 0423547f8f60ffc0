// Addresses that were offered and not yet asked for. An offer keeps its address for its client for a while, so that two clients
// are never offered the same one and the second is not refused in the middle of its boot.
//
// 1. An offer is a promise of this process alone: after a restart the REQUEST is judged by the leases.
// 2. A client has one offer at a time; a new one takes the place of the old.
// 3. At most OFFERS_MAX: beyond that the oldest offer is forgotten, and its client may be told NAK. No two clients are given the address
//    for that: a REQUEST is judged by the leases and by who holds the offer then.
// 4. Offers that ran out are nobody's, whether they are still here or not.

import { type Instant, later } from '../../clock.ts';
import type { Ipv4 } from '../../net/address.ts';
import type { ClientIdentity } from '../networks/client-identity.ts';

/** How long an offer keeps its address: the longest a client of those measured takes from OFFER to REQUEST is 4 s. */
export const OFFER_HOLD_MS = 30_000;
/** After this time an offer is answered no more: its address goes to another client where there is none left. */
export const OFFER_ANSWERED_MS = 8_000;
/** The most offers looked at in search of one that was not answered. */
const OFFERS_LOOKED_MAX = 64;
/** The most offers remembered. */
export const OFFERS_MAX = 16_384;

/** An address kept for a client. */
export interface Offer {
  readonly address: Ipv4;
  readonly client: ClientIdentity;
  readonly until: Instant;
}

/** Told of each address that is kept from now on, and of each that is no longer. */
export interface OfferListener {
  onOffered(address: Ipv4): void;
  onOfferGone(address: Ipv4): void;
}

/** What deciders may ask of the offers. */
export interface OfferView {
  /** The client for whom the address is kept at `now`; undefined: nobody. */
  holderOf(address: Ipv4, now: Instant): ClientIdentity | undefined;
  /** The address kept for the client at `now`. */
  offeredTo(client: ClientIdentity, now: Instant): Ipv4 | undefined;
  /**
   * The address that was offered longest ago, more than OFFER_ANSWERED_MS, and that nobody asked for.
   * @param isWanted of which ones: what is on offer may be its client's by lease or reservation all the same
   */
  oldestUnanswered(isWanted: (address: Ipv4) => boolean, now: Instant): Ipv4 | undefined;
}

/** Offers by address and by client. */
export class Offers implements OfferView {
  /** In the order in which they were made. */
  readonly #byClient = new Map<ClientIdentity, Offer>();
  readonly #byAddress = new Map<Ipv4, Offer>();
  readonly #listener: OfferListener | undefined;

  constructor(listener?: OfferListener) {
    this.#listener = listener;
  }

  get size(): number {
    return this.#byClient.size;
  }

  holderOf(address: Ipv4, now: Instant): ClientIdentity | undefined {
    const offer = this.#byAddress.get(address);
    return offer !== undefined && offer.until > now ? offer.client : undefined;
  }

  offeredTo(client: ClientIdentity, now: Instant): Ipv4 | undefined {
    const offer = this.#byClient.get(client);
    return offer !== undefined && offer.until > now ? offer.address : undefined;
  }

  oldestUnanswered(isWanted: (address: Ipv4) => boolean, now: Instant): Ipv4 | undefined {
    let looked = 0;
    for (const { address, until } of this.#byClient.values()) {
      // Offers stand in the order of their time: what comes after a young one is younger.
      if (later(until, OFFER_ANSWERED_MS - OFFER_HOLD_MS) > now || looked >= OFFERS_LOOKED_MAX) return undefined;
      if (isWanted(address)) return address;
      looked += 1;
    }
    return undefined;
  }

  /** Keeps `address` for `client`, OFFER_HOLD_MS from now, in place of whoever it was kept for. */
  hold(address: Ipv4, client: ClientIdentity, now: Instant): void {
    this.drop(client);
    const other = this.#byAddress.get(address);
    if (other !== undefined) this.drop(other.client);
    const offer: Offer = { address, client, until: later(now, OFFER_HOLD_MS) };
    this.#byClient.set(client, offer);
    this.#byAddress.set(address, offer);
    this.#listener?.onOffered(address);
    this.forget(now);
  }

  /** The client has its lease, or went elsewhere. */
  drop(client: ClientIdentity): void {
    const offer = this.#byClient.get(client);
    if (offer === undefined) return;
    this.#byClient.delete(client);
    this.#byAddress.delete(offer.address);
    this.#listener?.onOfferGone(offer.address);
  }

  /** Clients are told apart otherwise from now on: whose an offer was, cannot be said. A REQUEST is judged by the leases. */
  forgetAll(): void {
    for (const client of this.#byClient.keys()) this.drop(client);
  }

  /** Lets go of offers that ran out by `now`, and of the oldest while there are too many. */
  forget(now: Instant): void {
    for (const offer of this.#byClient.values()) {
      if (offer.until > now && this.#byClient.size <= OFFERS_MAX) return;
      this.drop(offer.client);
    }
  }
}
