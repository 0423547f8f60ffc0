// How many clients that nobody knows are offered addresses: a flood of DISCOVERs from hardware addresses that do not exist would take
// every address of a range within seconds, and none would be asked for. Sources: RFC 2131 §7; RFC 3046 §5.
//
// 1. A client is new when it has no record, no open offer and no fixed address in the network, and belongs to no machine of the region.
//    All others are never limited. Where identifiers tell clients apart, a machine or a fixed address that is known by its hardware
//    address makes none of them known: the fixed address alone can be had whatever comes.
// 2. New clients of one place (the circuit of a relay agent, else the relay, else the interface) are offered so many addresses a second,
//    and ten seconds' worth at once: a hall that is switched on passes. Relays are believed what they write, but not without end: what
//    comes by one socket has a bound of its own, PLACES_OF_A_SOCKET times that of a place.
// 3. A circuit that is named without a relay agent is one of its interface, whose bound holds for all of them: a switch may have named it,
//    or the client. One circuit may take WIRE_CIRCUIT_SHARE of that bound, so a flood on one port leaves something to the others.
// 4. Addresses on offer take up to OFFERED_SHARE_MAX of a range, and OFFERED_ALWAYS in a small one. Those that are asked for do not
//    count: they are leases by then.
// 5. At most PLACES_MAX circuits and relays are remembered; beyond that the one that came first is forgotten. A place is remembered only
//    when somebody there was offered an address, which the bound of its socket allows. What is known of a socket is never forgotten.
// 6. It is told once a minute that a place is limited, or a socket; of one socket, once a minute in the long run for all its places.

import type { Instant } from '../../clock.ts';
import { type Rate, RateLimit } from '../../rate-limit.ts';
import type { RangeUsage } from '../leases/address-pool.ts';

/** New clients of one place a second, where the configuration says nothing else. */
export const NEW_CLIENTS_PER_SECOND = 50;
/** Seconds of the rate that may come at once. */
export const NEW_CLIENTS_BURST_SECONDS = 10;
/** How many times the bound of a place holds for all that comes by one socket. */
export const PLACES_OF_A_SOCKET = 8;
/** The share of what an interface may have that one circuit may, which is named without a relay agent. */
export const WIRE_CIRCUIT_SHARE = 0.5;
/** The most relays and circuits that are remembered. */
export const PLACES_MAX = 4096;
/** The most sockets that are told apart; all others share one bound. */
export const SOCKETS_MAX = 1024;
/** The share of the usable addresses of a range that may be on offer when a new client comes. */
export const OFFERED_SHARE_MAX = 0.75;
/** So many may be on offer in any range. */
export const OFFERED_ALWAYS = 64;
/** How often a place is told of that is limited. */
const TOLD_EVERY_MS = 60_000;
/** How often that is told of one socket: places made up one by one make no flood of it. */
const TOLD_OF_A_SOCKET: Rate = { perSecond: 1000 / TOLD_EVERY_MS, burst: PLACES_OF_A_SOCKET };

/** What deciders may ask. */
export interface NewClientView {
  /** True when one more new client of the place may be offered an address of a range at `now`. */
  admits(place: Place, usage: RangeUsage | undefined, now: Instant): boolean;
}

/** Where a client is, as far as it can be bounded. */
export interface Place {
  /** For people: `eth1`, `eth1, circuit 67652d30`, `relay 10.30.0.1`, `relay 10.30.0.1, circuit 67652d30`. */
  readonly name: string;
  /** By which socket it comes. */
  readonly socket: string;
  /** Whether by a relay agent. */
  readonly isRelayed: boolean;
}

interface Known {
  readonly limit: RateLimit;
  toldAt: Instant | undefined;
}

interface KnownSocket {
  /** The clients that come without a relay agent. */
  readonly direct: Known;
  /** All that relays bring. */
  readonly relayed: Known;
  readonly told: RateLimit;
}

/** The bounds of new clients. */
export class NewClients implements NewClientView {
  readonly #places = new Map<string, Known>();
  readonly #sockets = new Map<string, KnownSocket>();
  #perSecond = NEW_CLIENTS_PER_SECOND;

  /** @param perSecond new clients of one place a second; 0: as many as come */
  setRate(perSecond: number): void {
    if (perSecond === this.#perSecond) return;
    this.#perSecond = perSecond;
    this.#places.clear();
    this.#sockets.clear();
  }

  admits(place: Place, usage: RangeUsage | undefined, now: Instant): boolean {
    if (this.#perSecond === 0) return true;
    if (usage !== undefined && usage.offered >= Math.max(OFFERED_ALWAYS, usage.usable * OFFERED_SHARE_MAX))
      return false;
    return this.#allOf(place).limit.has(now) && this.#places.get(place.name)?.limit.has(now) !== false;
  }

  /** A new client was offered an address. */
  take(place: Place, now: Instant): void {
    if (this.#perSecond === 0) return;
    this.#allOf(place).limit.allows(now);
    if (place.name !== place.socket) this.#placeOf(place).limit.allows(now);
  }

  /** A new client was refused; that makes no place known. @returns what is to be told of as limited: its place, or all of its socket */
  refused(place: Place, now: Instant): string | undefined {
    const all = this.#allOf(place);
    const isUsedUp = !all.limit.has(now);
    const limited = (isUsedUp ? undefined : this.#places.get(place.name)) ?? all;
    const { toldAt } = limited;
    if (toldAt !== undefined && toldAt <= now && now - toldAt < TOLD_EVERY_MS) return undefined;
    if (!this.#socketOf(place).told.allows(now)) return undefined;
    limited.toldAt = now;
    return isUsedUp ? place.socket : place.name;
  }

  /** What holds for everything that comes as the place does. */
  #allOf(place: Place): Known {
    const { direct, relayed } = this.#socketOf(place);
    return place.isRelayed ? relayed : direct;
  }

  #placeOf({ name, isRelayed }: Place): Known {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    const [first] = this.#places.size >= PLACES_MAX ? this.#places.keys() : [];
    if (first !== undefined) this.#places.delete(first);
    const made = this.#limit(isRelayed ? 1 : WIRE_CIRCUIT_SHARE);
    this.#places.set(name, made);
    return made;
  }

  #socketOf({ socket }: Pick<Place, 'socket'>): KnownSocket {
    const known = this.#sockets.get(socket);
    if (known !== undefined) return known;
    if (this.#sockets.size >= SOCKETS_MAX && socket !== OTHERS) return this.#socketOf({ socket: OTHERS });
    const made = {
      direct: this.#limit(1),
      relayed: this.#limit(PLACES_OF_A_SOCKET),
      told: new RateLimit(TOLD_OF_A_SOCKET),
    };
    this.#sockets.set(socket, made);
    return made;
  }

  #limit(times: number): Known {
    const perSecond = this.#perSecond * times;
    const rate: Rate = { perSecond, burst: Math.max(1, perSecond * NEW_CLIENTS_BURST_SECONDS) };
    return { limit: new RateLimit(rate), toldAt: undefined };
  }
}

/** No socket is called so. */
const OTHERS = 'all others';
