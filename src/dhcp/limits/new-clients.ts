// Limits how many unknown clients are offered addresses, so that a flood of DISCOVERs from invented
// hardware addresses cannot take a whole range. Sources: RFC 2131 §4.1, §7; RFC 3046 §5.
//
// 1. A client is new if it has no record, open offer or fixed address in the network and belongs to
//    no machine of the region. Known clients are never limited. Where identifiers tell clients
//    apart, the hardware address of a machine or a reservation does not make a client known; but
//    its fixed address is always available to it.
// 2. New clients of one place (the circuit of a relay agent, else the relay, else the interface)
//    get a rate of offers a second and a burst of ten seconds' worth, so that a whole hall can
//    power on. Relays are believed about places up to a limit: all clients that relays bring by one
//    socket have PLACES_OF_A_SOCKET times the rate of a place.
// 3. A circuit named without a relay agent shares its interface's limit, because a switch or the
//    client may have named it. One circuit may take WIRE_CIRCUIT_SHARE of it, so that a flood on
//    one port leaves some for the others.
// 4. Open offers may take OFFERED_SHARE_MAX of a range; in a small one, OFFERED_ALWAYS addresses,
//    but at most OFFERED_SMALL_SHARE_MAX of it.
// 5. A refused client that comes back (`waiting-clients.ts`) is not part of a flood. Returning
//    clients share a second rate of the same size, and may fill a range up to
//    OFFERED_BACK_SHARE_MAX. Beyond that, one is offered the address that another client has left
//    unrequested for longest (`decide.ts`).
// 6. At most PLACES_MAX circuits and relays are remembered; then the oldest is forgotten. A place
//    is remembered only once a client there was offered an address. Sockets are never forgotten.
// 7. A limited place or socket is reported once a minute, and so are all places of one socket
//    together in the long run.

import { BoundedMap } from '../../ground/bounded-map.ts';
import type { Instant } from '../../ground/clock.ts';
import { type Rate, RateLimit } from '../../ground/rate-limit.ts';
import type { RangeUsage } from '../leases/address-pool.ts';
import type { ClientIdentity } from '../networks/client-identity.ts';
import { WaitingClients } from './waiting-clients.ts';

/** New clients of one place a second. */
export const NEW_CLIENTS_PER_SECOND = 50;
/** How many seconds' rate may come at once. */
export const NEW_CLIENTS_BURST_SECONDS = 10;
/** The rate of all clients that relays bring by one socket, in rates of a place. */
export const PLACES_OF_A_SOCKET = 8;
/** The share of an interface's rate for one circuit named without a relay agent. */
export const WIRE_CIRCUIT_SHARE = 0.5;
export const PLACES_MAX = 4096;
/** All others share one limit. */
export const SOCKETS_MAX = 1024;
/** The share of a range's usable addresses on offer to new clients. */
export const OFFERED_SHARE_MAX = 0.75;
/** How many addresses may be on offer in any range, within OFFERED_SMALL_SHARE_MAX. */
export const OFFERED_ALWAYS = 64;
export const OFFERED_SMALL_SHARE_MAX = 0.8;
/** The share that may be on offer when a new client comes back. */
export const OFFERED_BACK_SHARE_MAX = 0.9;
/** How often a limited place is reported. */
const REPORTED_EVERY_MS = 60_000;
/** How often one socket's limited places are reported. */
export const REPORTS_OF_A_SOCKET: Rate = { perSecond: 1000 / REPORTED_EVERY_MS, burst: PLACES_OF_A_SOCKET };

export interface NewClientView {
  judge(client: NewClient, usage: RangeUsage | undefined, now: Instant): Admission;
  /** How long a returning new client has asked in vain; 0 if it has not returned. */
  waitedMs(client: NewClient, now: Instant): number;
}

/**
 * Whether a new client may be offered an address; if not, too many come, or too much of the range
 * is on offer.
 */
export type Admission = 'admitted' | 'too-many' | 'range-on-offer';

export interface NewClient {
  readonly client: ClientIdentity;
  readonly place: ClientPlace;
}

export interface ClientPlace {
  /** For people: `eth1`, `eth1, circuit 67652d30`, `relay 10.30.0.1`, `relay 10.30.0.1, circuit 67652d30`. */
  readonly name: string;
  readonly socket: string;
  readonly isRelayed: boolean;
}

interface LimitState {
  readonly limit: RateLimit;
  /** For returning clients, in addition. */
  readonly ofBack: RateLimit;
  reportedAt: Instant | undefined;
}

interface KnownSocket {
  /** Clients that come without a relay agent. */
  readonly direct: LimitState;
  /** All clients that relays bring. */
  readonly relayed: LimitState;
  readonly reports: RateLimit;
}

export class NewClients implements NewClientView {
  readonly #places = new BoundedMap<string, LimitState>(PLACES_MAX, 'set longest ago');
  readonly #sockets = new Map<string, KnownSocket>();
  readonly #waiting: WaitingClients;
  #perSecond = NEW_CLIENTS_PER_SECOND;

  /** @param seed 32 random bits, kept secret */
  constructor(seed = 0) {
    this.#waiting = new WaitingClients(seed);
  }

  /** @param perSecond new clients of one place a second; 0 for no limit */
  setRate(perSecond: number): void {
    if (perSecond === this.#perSecond) return;
    this.#perSecond = perSecond;
    this.#places.clear();
    this.#sockets.clear();
  }

  judge(client: NewClient, usage: RangeUsage | undefined, now: Instant): Admission {
    if (this.#perSecond === 0) return 'admitted';
    const { place } = client;
    const isBack = this.waitedMs(client, now) > 0;
    if (!this.#has(place, now, 'limit') && !(isBack && this.#has(place, now, 'ofBack'))) return 'too-many';
    return usage !== undefined && usage.offered >= offeredMax(usage.usable, isBack) ? 'range-on-offer' : 'admitted';
  }

  waitedMs({ client }: NewClient, now: Instant): number {
    return this.#waiting.waitedMs(client, now);
  }

  take({ client, place }: NewClient, now: Instant): void {
    this.#waiting.served(client, now);
    if (this.#perSecond === 0) return;
    const which = this.#has(place, now, 'limit') ? 'limit' : 'ofBack';
    this.#getSocketLimit(place)[which].allows(now);
    if (place.name !== place.socket) this.#getPlaceLimit(place)[which].allows(now);
  }

  /** Remembers a refused new client, to recognise its return. */
  leftOut({ client }: NewClient, now: Instant): void {
    this.#waiting.leftOut(client, now);
  }

  #has(place: ClientPlace, now: Instant, which: 'limit' | 'ofBack'): boolean {
    return this.#getSocketLimit(place)[which].has(now) && this.#places.get(place.name)?.[which].has(now) !== false;
  }

  /**
   * Records that a new client was refused; the place is not remembered for that. @returns the place
   * or socket to report as limited
   */
  refused(place: ClientPlace, now: Instant): string | undefined {
    const all = this.#getSocketLimit(place);
    const isUsedUp = !all.limit.has(now);
    const limited = (isUsedUp ? undefined : this.#places.get(place.name)) ?? all;
    const { reportedAt } = limited;
    if (reportedAt !== undefined && reportedAt <= now && now - reportedAt < REPORTED_EVERY_MS) return undefined;
    if (!this.#getSocket(place).reports.allows(now)) return undefined;
    limited.reportedAt = now;
    return isUsedUp ? place.socket : place.name;
  }

  /** The limit for all clients of the socket that come as `place` does: directly, or by a relay. */
  #getSocketLimit(place: ClientPlace): LimitState {
    const { direct, relayed } = this.#getSocket(place);
    return place.isRelayed ? relayed : direct;
  }

  #getPlaceLimit({ name, isRelayed }: ClientPlace): LimitState {
    return this.#places.getOrMake(name, () => this.#limit(isRelayed ? 1 : WIRE_CIRCUIT_SHARE));
  }

  #getSocket({ socket }: Pick<ClientPlace, 'socket'>): KnownSocket {
    const existing = this.#sockets.get(socket);
    if (existing !== undefined) return existing;
    if (this.#sockets.size >= SOCKETS_MAX && socket !== OTHERS) return this.#getSocket({ socket: OTHERS });
    const made = {
      direct: this.#limit(1),
      relayed: this.#limit(PLACES_OF_A_SOCKET),
      reports: new RateLimit(REPORTS_OF_A_SOCKET),
    };
    this.#sockets.set(socket, made);
    return made;
  }

  #limit(times: number): LimitState {
    const perSecond = this.#perSecond * times;
    const rate: Rate = { perSecond, burst: Math.max(1, perSecond * NEW_CLIENTS_BURST_SECONDS) };
    return { limit: new RateLimit(rate), ofBack: new RateLimit(rate), reportedAt: undefined };
  }
}

/** How many of `usable` addresses may be on offer. */
function offeredMax(usable: number, isBack: boolean): number {
  if (isBack) return Math.ceil(usable * OFFERED_BACK_SHARE_MAX);
  const ofSmall = Math.min(OFFERED_ALWAYS, Math.ceil(usable * OFFERED_SMALL_SHARE_MAX));
  return Math.max(ofSmall, usable * OFFERED_SHARE_MAX);
}

/** No socket has this name. */
const OTHERS = 'all others';
