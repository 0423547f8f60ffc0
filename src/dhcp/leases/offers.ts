// Addresses that were offered and not yet asked for. An offer keeps its address for its client for a while, so that two clients
// are never offered the same one and the second is not refused in the middle of its boot.
//
// 1. An offer is a promise of this process alone: after a restart the REQUEST is judged by the leases.
// 2. A client has one offer at a time on a shared network; a new one takes the place of the old. On another shared network the same hardware address is
//    another client (RFC 2131 §2.1 knows a client by its network, too): the subinterfaces of a host share one.
// 3. At most OFFERS_MAX: beyond that the oldest offer is forgotten, and its client may be told NAK. No two clients are given the address
//    for that: a REQUEST is judged by the leases and by who holds the offer then.
// 4. Offers that ran out are nobody's, whether they are still here or not.
// 5. An offer that is made to its client again runs its full time again, but is no younger for that in the first OFFER_HOLD_MS: a client
//    that only ever asks for offers would else keep its address from those who take theirs up.

import { type Instant, later } from '../../clock.ts';
import type { Ipv4 } from '../../net/address.ts';
import { isProbeMac } from '../../own-probes.ts';
import type { ClientIdentity } from '../networks/client-identity.ts';
import type { ServedSubnet } from '../networks/subnet.ts';

/** How long an offer keeps its address: the longest a client of those measured takes from OFFER to REQUEST is 4 s. */
export const OFFER_HOLD_MS = 30_000;
/** The same of an offer to a check, which never takes it, and has heard it by then. */
export const PROBE_HOLD_MS = 5_000;
/** After this time an offer is answered no more: its address goes to another client where there is none left. */
export const OFFER_ANSWERED_MS = 8_000;
/** After this time it goes to a client that has waited long for one. */
export const OFFER_PRESSED_MS = 5_000;
/** The most offers of a network looked at in search of one that was not answered. */
const OFFERS_LOOKED_MAX = 64;
/** The most offers remembered, of all networks. */
export const OFFERS_MAX = 16_384;

/** An address kept for a client. */
export interface Offer {
  readonly address: Ipv4;
  readonly client: ClientIdentity;
  readonly until: Instant;
  /** When it was made for the first time. */
  readonly since: Instant;
}

/** Where a client is that is offered an address. */
export interface OfferPlace {
  /** The network of the address. */
  readonly served: ServedSubnet;
  /** The subnets of the client's shared network, that one among them. */
  readonly sharedNetwork: readonly ServedSubnet[];
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
  /** The address of a network that is kept for the client at `now`. */
  offeredTo(client: ClientIdentity, served: ServedSubnet, now: Instant): Ipv4 | undefined;
  /**
   * The address of a network that was offered longest ago, `ageMs` at least, and that nobody asked for.
   * @param isWanted of which ones: what is on offer may be its client's by lease or reservation all the same
   */
  oldestUnanswered(
    served: ServedSubnet,
    isWanted: (address: Ipv4) => boolean,
    now: Instant,
    ageMs: number,
  ): Ipv4 | undefined;
}

/** The offers of one network, in the order in which they were first made. */
type NetworkOffers = Map<ClientIdentity, KeptOffer>;

interface KeptOffer extends Offer {
  /** Where it stands by its client. */
  readonly among: NetworkOffers;
}

/** Offers by address, and by network and client. */
export class Offers implements OfferView {
  /** In the order in which they were made last. */
  readonly #byAddress = new Map<Ipv4, KeptOffer>();
  /** By the name of the network. */
  readonly #byNetwork = new Map<string, NetworkOffers>();
  readonly #listener: OfferListener | undefined;

  constructor(listener?: OfferListener) {
    this.#listener = listener;
  }

  get size(): number {
    return this.#byAddress.size;
  }

  holderOf(address: Ipv4, now: Instant): ClientIdentity | undefined {
    const offer = this.#byAddress.get(address);
    return offer !== undefined && offer.until > now ? offer.client : undefined;
  }

  offeredTo(client: ClientIdentity, { subnet }: ServedSubnet, now: Instant): Ipv4 | undefined {
    const offer = this.#byNetwork.get(subnet.name)?.get(client);
    return offer !== undefined && offer.until > now ? offer.address : undefined;
  }

  oldestUnanswered(
    { subnet }: ServedSubnet,
    isWanted: (address: Ipv4) => boolean,
    now: Instant,
    ageMs: number,
  ): Ipv4 | undefined {
    const offers = this.#byNetwork.get(subnet.name);
    if (offers === undefined) return undefined;
    let looked = 0;
    for (const { address, since } of offers.values()) {
      // What comes after a young one is younger.
      if (later(since, ageMs) > now || looked >= OFFERS_LOOKED_MAX) return undefined;
      if (isWanted(address)) return address;
      looked += 1;
    }
    return undefined;
  }

  /** Keeps `address` for `client`, OFFER_HOLD_MS from now, in place of whoever it was kept for. */
  hold(address: Ipv4, client: ClientIdentity, { served, sharedNetwork }: OfferPlace, now: Instant): void {
    const among = this.#offersOf(served);
    const other = this.#byAddress.get(address);
    const until = later(now, typeof client === 'number' && isProbeMac(client) ? PROBE_HOLD_MS : OFFER_HOLD_MS);
    if (other !== undefined && other.client === client && other.among === among && isYoung(other, now)) {
      const again = { ...other, until };
      among.set(client, again);
      this.#byAddress.delete(address);
      this.#byAddress.set(address, again);
      return;
    }
    this.drop(client, sharedNetwork);
    if (other !== undefined) this.#remove(other);
    const offer: KeptOffer = { address, client, until, since: now, among };
    among.set(client, offer);
    this.#byAddress.set(address, offer);
    this.#listener?.onOffered(address);
    this.forget(now);
  }

  /** The client has its lease on the shared network, or what it was offered there is somebody else's. */
  drop(client: ClientIdentity, sharedNetwork: readonly ServedSubnet[]): void {
    for (const { subnet } of sharedNetwork) {
      const offer = this.#byNetwork.get(subnet.name)?.get(client);
      if (offer !== undefined) this.#remove(offer);
    }
  }

  /** Clients are told apart otherwise from now on: whose an offer was, cannot be said. A REQUEST is judged by the leases. */
  forgetAll(): void {
    for (const offer of this.#byAddress.values()) this.#remove(offer);
  }

  /** Lets go of offers that ran out by `now`, and of the oldest while there are too many. */
  forget(now: Instant): void {
    for (const offer of this.#byAddress.values()) {
      if (offer.until > now && this.#byAddress.size <= OFFERS_MAX) return;
      this.#remove(offer);
    }
  }

  /** Other networks may be served from now on: those of which nothing is on offer are not remembered. */
  tidy(): void {
    for (const [name, offers] of this.#byNetwork) if (offers.size === 0) this.#byNetwork.delete(name);
  }

  #offersOf({ subnet }: ServedSubnet): NetworkOffers {
    const known = this.#byNetwork.get(subnet.name);
    if (known !== undefined) return known;
    const made: NetworkOffers = new Map();
    this.#byNetwork.set(subnet.name, made);
    return made;
  }

  #remove({ address, client, among }: KeptOffer): void {
    among.delete(client);
    this.#byAddress.delete(address);
    this.#listener?.onOfferGone(address);
  }
}

/** True in the time after an offer was first made in which it is no younger for being made again. */
const isYoung = ({ since }: Offer, now: Instant): boolean => since <= now && later(since, OFFER_HOLD_MS) > now;
