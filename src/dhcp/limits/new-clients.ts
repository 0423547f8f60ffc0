// How many clients that nobody knows are offered addresses: a flood of DISCOVERs from hardware addresses that do not exist would take
// every address of a range within seconds, and none would be asked for. Sources: RFC 2131 §4.1, §7; RFC 3046 §5.
//
// 1. A client is new when it has no record, no open offer and no fixed address in the network, and belongs to no machine of the region.
//    All others are never limited. Where identifiers tell clients apart, a machine or a fixed address that is known by its hardware
//    address makes none of them known: the fixed address alone can be had whatever comes.
// 2. New clients of one place (the circuit of a relay agent, else the relay, else the interface) are offered so many addresses a second,
//    and ten seconds' worth at once: a hall that is switched on passes. Relays are believed what they write, but not without end: what
//    comes by one socket has a bound of its own, PLACES_OF_A_SOCKET times that of a place.
// 3. A circuit that is named without a relay agent is one of its interface, whose bound holds for all of them: a switch may have named it,
//    or the client. One circuit may take WIRE_CIRCUIT_SHARE of that bound, so a flood on one port leaves something to the others.
// 4. Addresses on offer take up to OFFERED_SHARE_MAX of a range, and in a small one OFFERED_ALWAYS, but for a fifth. Those that are asked for
//    do not count: they are leases by then.
// 5. A client that was left out and comes back (`waiting-clients.ts`) is no part of a flood of clients that do not exist. It has the same rate
//    once more, of its place and its socket, for itself and those like it, and may be offered of a range up to OFFERED_BACK_SHARE_MAX. Beyond
//    that it is offered what somebody else was offered longest ago and did not ask for (`decide.ts`).
// 6. At most PLACES_MAX circuits and relays are remembered; beyond that the one that came first is forgotten. A place is remembered only
//    when somebody there was offered an address, which the bound of its socket allows. What is known of a socket is never forgotten.
// 7. It is told once a minute that a place is limited, or a socket; of one socket, once a minute in the long run for all its places.

import { BoundedMap } from '../../bounded-map.ts';
import type { Instant } from '../../clock.ts';
import { type Rate, RateLimit } from '../../rate-limit.ts';
import type { RangeUsage } from '../leases/address-pool.ts';
import type { ClientIdentity } from '../networks/client-identity.ts';
import { WaitingClients } from './waiting-clients.ts';

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
/** So many may be on offer in any range, as far as that is no more than OFFERED_SMALL_SHARE_MAX of it. */
export const OFFERED_ALWAYS = 64;
export const OFFERED_SMALL_SHARE_MAX = 0.8;
/** The share that may be on offer when a new client comes back: the rest is for those who are known. */
export const OFFERED_BACK_SHARE_MAX = 0.9;
/** How often a place is told of that is limited. */
const TOLD_EVERY_MS = 60_000;
/** How often that is told of one socket: places made up one by one make no flood of it. */
export const TOLD_OF_A_SOCKET: Rate = { perSecond: 1000 / TOLD_EVERY_MS, burst: PLACES_OF_A_SOCKET };

/** What deciders may ask. */
export interface NewClientView {
  /** Whether a new client may be offered an address of a range at `now`. */
  judge(newcomer: Newcomer, usage: RangeUsage | undefined, now: Instant): Admission;
  /** For how many milliseconds a new client that has come back was asking in vain; 0: it has not. */
  waitedMs(newcomer: Newcomer, now: Instant): number;
}

/** Whether a new client may be offered an address: yes; not now, too many come; not one more of the range than are on offer. */
export type Admission = 'admitted' | 'too-many' | 'range-on-offer';

/** A client that nobody knows. */
export interface Newcomer {
  readonly client: ClientIdentity;
  readonly place: Place;
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
  /** Of those that come back, beside it. */
  readonly ofBack: RateLimit;
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
  readonly #places = new BoundedMap<string, Known>(PLACES_MAX, 'set longest ago');
  readonly #sockets = new Map<string, KnownSocket>();
  readonly #waiting: WaitingClients;
  #perSecond = NEW_CLIENTS_PER_SECOND;

  /** @param seed 32 bits that nobody else knows */
  constructor(seed = 0) {
    this.#waiting = new WaitingClients(seed);
  }

  /** @param perSecond new clients of one place a second; 0: as many as come */
  setRate(perSecond: number): void {
    if (perSecond === this.#perSecond) return;
    this.#perSecond = perSecond;
    this.#places.clear();
    this.#sockets.clear();
  }

  judge(newcomer: Newcomer, usage: RangeUsage | undefined, now: Instant): Admission {
    if (this.#perSecond === 0) return 'admitted';
    const { place } = newcomer;
    const isBack = this.waitedMs(newcomer, now) > 0;
    if (!this.#has(place, now, 'limit') && !(isBack && this.#has(place, now, 'ofBack'))) return 'too-many';
    return usage !== undefined && usage.offered >= offeredMax(usage.usable, isBack) ? 'range-on-offer' : 'admitted';
  }

  waitedMs({ client }: Newcomer, now: Instant): number {
    return this.#waiting.waitedMs(client, now);
  }

  /** A new client was offered an address. */
  take({ client, place }: Newcomer, now: Instant): void {
    this.#waiting.served(client, now);
    if (this.#perSecond === 0) return;
    const which = this.#has(place, now, 'limit') ? 'limit' : 'ofBack';
    this.#allOf(place)[which].allows(now);
    if (place.name !== place.socket) this.#placeOf(place)[which].allows(now);
  }

  /** A new client was left without an address: when it comes back that is known. */
  leftOut({ client }: Newcomer, now: Instant): void {
    this.#waiting.leftOut(client, now);
  }

  #has(place: Place, now: Instant, which: 'limit' | 'ofBack'): boolean {
    return this.#allOf(place)[which].has(now) && this.#places.get(place.name)?.[which].has(now) !== false;
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
    return this.#places.getOrMake(name, () => this.#limit(isRelayed ? 1 : WIRE_CIRCUIT_SHARE));
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
    return { limit: new RateLimit(rate), ofBack: new RateLimit(rate), toldAt: undefined };
  }
}

/** How many of `usable` addresses may be on offer for a new client to be offered one more. */
function offeredMax(usable: number, isBack: boolean): number {
  if (isBack) return Math.ceil(usable * OFFERED_BACK_SHARE_MAX);
  const ofSmall = Math.min(OFFERED_ALWAYS, Math.ceil(usable * OFFERED_SMALL_SHARE_MAX));
  return Math.max(ofSmall, usable * OFFERED_SHARE_MAX);
}

/** No socket is called so. */
const OTHERS = 'all others';
