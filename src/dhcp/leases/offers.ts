// Offered addresses not yet requested. An offer holds its address for its client, so that no two
// clients are offered the same address.
//
// 1. An offer is a promise of this process only: after a restart the leases decide a REQUEST.
// 2. A client has one offer per shared network; a new one replaces the old. On another shared
//    network the same hardware address is another client (RFC 2131 §2.1): the subinterfaces of a
//    host share one.
// 3. At most OFFERS_MAX: beyond that the oldest is forgotten, and its client may get a NAK. Leases
//    and the current offer decide a REQUEST, so two clients still never get the same address.
// 4. Expired offers belong to no one, even if still stored.
// 5. A repeated offer runs its full time again, but its age counts from the first within
//    OFFER_HOLD_MS. Otherwise a client that only collects offers would keep its address from
//    others.
// 6. An address is held before its probe ends, but can be accepted only once the offer has left.
// 7. What the client said of itself outlives the offer for OFFER_HOLD_MS: its REQUEST comes again
//    if the ACK is lost. The next DISCOVER replaces it. Beyond INTRODUCTIONS_MAX the network with
//    the most forgets one, because nothing limits the offers of a network in proxy mode.
// 8. Plain maps, not `BoundedMap`s: every DISCOVER comes here, and two orders share each entry.

import type { Ipv4, MacAddress } from '../../ground/address.ts';
import { BoundedMap } from '../../ground/bounded-map.ts';
import { type Instant, later } from '../../ground/clock.ts';
import { isProbeMac } from '../../ground/own-probes.ts';
import type { ClientIdentity } from '../networks/client-identity.ts';
import type { ServedSubnet } from '../networks/subnet.ts';
import type { DhcpOptions } from '../wire/message-options.ts';

/** How long an offer holds its address; the slowest client measured takes 4 s from OFFER to REQUEST. */
export const OFFER_HOLD_MS = 30_000;
/**
 * After this time no client still requests an offer: its address may go to another client if no
 * other is left.
 */
export const OFFER_ANSWERED_MS = 8_000;
/** After this time an unrequested address goes to a client that has waited long. */
export const OFFER_PRESSED_MS = 5_000;
/** How many offers of a network are checked for an unanswered one. */
const OFFERS_LOOKED_MAX = 64;
/** Offers of all networks together. */
export const OFFERS_MAX = 16_384;

/** How many boot clients' introductions are remembered, about 500 bytes each. */
export const INTRODUCTIONS_MAX = 4096;

/** What a boot client said of itself in the DISCOVER answered by an offer. */
export interface Introduction {
  readonly mac: MacAddress;
  readonly xid: number;
  /** The offered address; 0.0.0.0 in proxy mode. */
  readonly address: Ipv4;
  readonly options: DhcpOptions;
}

interface Offer {
  readonly address: Ipv4;
  readonly client: ClientIdentity;
  readonly until: Instant;
  /** When it was first made. */
  readonly since: Instant;
  /** False while the address is being probed and the client knows of no offer. */
  readonly isSent: boolean;
}

export interface OfferPlace {
  /** The network of the address. */
  readonly served: ServedSubnet;
  /** The client's shared network, including it. */
  readonly sharedNetwork: readonly ServedSubnet[];
}

/** Called when an address becomes held or free. */
export interface OfferListener {
  onOffered(address: Ipv4): void;
  onOfferGone(address: Ipv4): void;
}

export interface OfferView {
  /** The client the address is held for at `now`. */
  holderOf(address: Ipv4, now: Instant): ClientIdentity | undefined;
  /** The client that may accept the address at `now`. */
  sentTo(address: Ipv4, now: Instant): ClientIdentity | undefined;
  offeredTo(client: ClientIdentity, served: ServedSubnet, now: Instant): Ipv4 | undefined;
  /** What the boot client said before its last offer; undefined: it boots nothing, or that is long ago. */
  introductionOf(mac: MacAddress, sharedNetwork: readonly ServedSubnet[], now: Instant): Introduction | undefined;
  /**
   * The unrequested address on offer for longest, at least `ageMs`.
   * @param isWanted filters them: the address may still be its client's by lease or reservation
   */
  oldestUnanswered(
    served: ServedSubnet,
    isWanted: (address: Ipv4) => boolean,
    now: Instant,
    ageMs: number,
  ): Ipv4 | undefined;
}

type NetworkOffers = Map<ClientIdentity, KeptOffer>;

interface KeptOffer extends Offer {
  /** The map that holds it by client. */
  readonly among: NetworkOffers;
}

/** What one network's boot clients said of themselves. */
type NetworkIntroductions = BoundedMap<MacAddress, { readonly said: Introduction; readonly until: Instant }>;

export class Offers implements OfferView {
  /** Ordered by when they were last made. */
  readonly #byAddress = new Map<Ipv4, KeptOffer>();
  /** By network name. */
  readonly #byNetwork = new Map<string, NetworkOffers>();
  /** By network name. */
  readonly #introductions = new Map<string, NetworkIntroductions>();
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

  sentTo(address: Ipv4, now: Instant): ClientIdentity | undefined {
    return this.#byAddress.get(address)?.isSent === true ? this.holderOf(address, now) : undefined;
  }

  offeredTo(client: ClientIdentity, { subnet }: ServedSubnet, now: Instant): Ipv4 | undefined {
    const offer = this.#byNetwork.get(subnet.name)?.get(client);
    return offer !== undefined && offer.until > now ? offer.address : undefined;
  }

  introductionOf(mac: MacAddress, sharedNetwork: readonly ServedSubnet[], now: Instant): Introduction | undefined {
    for (const { subnet } of sharedNetwork) {
      const entry = this.#introductions.get(subnet.name)?.get(mac);
      if (entry !== undefined) return entry.until > now ? entry.said : undefined;
    }
    return undefined;
  }

  introduce(introduction: Introduction, { served, sharedNetwork }: OfferPlace, now: Instant): void {
    for (const { subnet } of sharedNetwork) this.#introductions.get(subnet.name)?.delete(introduction.mac);
    if (introduction.options.size === 0) return;
    const { name } = served.subnet;
    const introductions = this.#introductions.get(name) ?? new BoundedMap(INTRODUCTIONS_MAX, 'set longest ago');
    this.#introductions.set(name, introductions);
    introductions.set(introduction.mac, { said: introduction, until: later(now, OFFER_HOLD_MS) });
    let sum = 0;
    let most = introductions;
    for (const introductions of this.#introductions.values()) {
      sum += introductions.size;
      if (introductions.size > most.size) most = introductions;
    }
    if (sum > INTRODUCTIONS_MAX) most.forgetOldest();
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
      // All later ones are younger.
      if (later(since, ageMs) > now || looked >= OFFERS_LOOKED_MAX) return undefined;
      if (isWanted(address)) return address;
      looked += 1;
    }
    return undefined;
  }

  /**
   * Holds `address` for `client` for OFFER_HOLD_MS, in place of any other client.
   * @param isSent false: the client knows of no offer until `sent`
   */
  hold(
    address: Ipv4,
    client: ClientIdentity,
    { served, sharedNetwork }: OfferPlace,
    now: Instant,
    isSent = true,
  ): void {
    const among = this.#getOffers(served);
    const other = this.#byAddress.get(address);
    const until = later(now, OFFER_HOLD_MS);
    if (other !== undefined && other.client === client && other.among === among && isYoung(other, now)) {
      const again = { ...other, until, isSent: isSent || other.isSent };
      among.set(client, again);
      this.#byAddress.delete(address);
      this.#byAddress.set(address, again);
      return;
    }
    this.drop(client, sharedNetwork);
    if (other !== undefined) this.#remove(other);
    const offer: KeptOffer = { address, client, until, since: now, isSent, among };
    among.set(client, offer);
    this.#byAddress.set(address, offer);
    this.#listener?.onOffered(address);
    this.forget(now);
  }

  /**
   * Notes that the client's offer leaves. Our own probe never requests an offer, so its address is
   * free at once.
   */
  sent(address: Ipv4, client: ClientIdentity, sharedNetwork: readonly ServedSubnet[]): void {
    if (typeof client === 'number' && isProbeMac(client)) this.drop(client, sharedNetwork);
    const offer = this.#byAddress.get(address);
    if (offer?.client !== client || offer.isSent) return;
    const again = { ...offer, isSent: true };
    offer.among.set(client, again);
    this.#byAddress.set(address, again);
  }

  /** Drops the client's offer: it has its lease, or the address went to another client. */
  drop(client: ClientIdentity, sharedNetwork: readonly ServedSubnet[]): void {
    for (const { subnet } of sharedNetwork) {
      const offer = this.#byNetwork.get(subnet.name)?.get(client);
      if (offer !== undefined) this.#remove(offer);
    }
  }

  /** Drops all offers, because another rule now tells clients apart. Leases then decide a REQUEST. */
  forgetAll(): void {
    for (const offer of this.#byAddress.values()) this.#remove(offer);
  }

  /** Drops expired offers, and the oldest beyond the bound. */
  forget(now: Instant): void {
    for (const offer of this.#byAddress.values()) {
      if (offer.until > now && this.#byAddress.size <= OFFERS_MAX) return;
      this.#remove(offer);
    }
  }

  /** Forgets networks of which nothing is known. */
  tidy(): void {
    for (const networks of [this.#byNetwork, this.#introductions])
      for (const [name, { size }] of networks) if (size === 0) networks.delete(name);
  }

  #getOffers({ subnet }: ServedSubnet): NetworkOffers {
    const existing = this.#byNetwork.get(subnet.name);
    if (existing !== undefined) return existing;
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

/** True while a repeated offer keeps its first age. */
const isYoung = ({ since }: Offer, now: Instant): boolean => since <= now && later(since, OFFER_HOLD_MS) > now;
