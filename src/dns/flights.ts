// Questions in flight to the upstreams: who waits for which answer, and what is evicted when too many wait.
//
// Sources can be forged, so no bound here refuses a newcomer because of earlier questions. A full
// table evicts the longest-waiting question of the client or domain with the most, with SERVFAIL.
// Upstreams answer nearly everything within tens of milliseconds, so a flood only shortens how long
// unanswered names wait. Similar: Unbound's `jostle-timeout`, BIND's `fetches-per-zone` and the
// soft limit of `recursive-clients`.
//
// 1. At most WAITERS_MAX client questions wait, which also bounds the flights.
// 2. Beyond that, the client with the most, in the network with the most, loses its oldest
//    (net/shares/fair-shares.ts).
// 3. The same goes for the SUFFIX_FLIGHTS_MAX flights of one domain. So a flood of random names in
//    one domain leaves room for others, and a flood from a few addresses for the same domain's
//    other names.

import type { Ipv4 } from '../ground/address.ts';
import type { Instant } from '../ground/clock.ts';
import type { QueuedItem } from '../ground/deadline-queue.ts';
import { FairShares, type Place } from '../net/shares/fair-shares.ts';
import { type CacheQuestion, questionKey } from './cache.ts';
import { labelEnd } from './name.ts';
import type { Upstream } from './upstream.ts';

/**
 * Client questions waiting for an upstream. Any served client can fill it, even with forged
 * addresses; then the oldest question of the client with the most gets SERVFAIL. Each leaves after
 * FLIGHT_MS at the latest.
 */
export const WAITERS_MAX = 4096;
/**
 * One client's part of WAITERS_MAX: enough for a site behind one address. Beyond that its own
 * oldest is evicted.
 */
export const CLIENT_WAITERS_MAX = 1024;
/**
 * Flights for names of one domain (`domainSuffix`). Beyond that the oldest of the client with the
 * most is evicted.
 */
export const SUFFIX_FLIGHTS_MAX = 1024;
/**
 * Concurrent exchanges over TCP. Names with large answers fill it; the oldest of the domain with
 * the most is evicted.
 */
export const STREAMS_MAX = 64;

export interface WaitingQuery<W> {
  readonly client: Ipv4;
  readonly waiter: W;
  readonly flight: Flight<W>;
  place: Place<WaitingQuery<W>> | undefined;
}

export interface Flight<W> extends QueuedItem {
  readonly kind: 'flight';
  readonly key: string;
  readonly question: CacheQuestion;
  /** The domain whose share it uses. */
  readonly suffix: string;
  /** The client that asked first. */
  readonly client: Ipv4;
  readonly order: readonly Upstream[];
  readonly waiting: Set<WaitingQuery<W>>;
  /** Exchanges without an answer so far. */
  readonly exchanges: Set<Exchange<W>>;
  attempts: number;
  done: boolean;
  /** Replies under a wrong id: probably guesses. */
  nearMisses: number;
  readonly endsAt: Instant;
  /** When the next upstream is asked; `undefined` if none is left. */
  asksAt: Instant | undefined;
}

export interface Exchange<W> extends QueuedItem {
  readonly kind: 'exchange';
  readonly key: number;
  readonly upstream: Upstream;
  readonly flight: Flight<W>;
  readonly edns: boolean;
  readonly sentAt: Instant;
  stream: Place<Exchange<W>> | undefined;
}

/**
 * A name's last two labels, or four below `arpa`. Under a public suffix such as `co.uk` unrelated
 * domains share one entry.
 */
export function domainSuffix(name: string): string {
  const labels = name.endsWith('.arpa') ? 4 : 2;
  let start = 0;
  // A backslash may escape a dot.
  if (name.includes('\\')) {
    const starts = [0];
    for (let at = labelEnd(name, 0); at < name.length; at = labelEnd(name, at + 1)) starts.push(at + 1);
    start = starts[Math.max(0, starts.length - labels)] ?? 0;
  } else {
    let dot = name.length;
    for (let count = 0; count < labels && dot > 0; count += 1) dot = name.lastIndexOf('.', dot - 1);
    start = dot + 1;
  }
  return name.slice(start);
}

interface Domain<W> {
  /** Oldest first, each with its place among the shares, if there are any. */
  readonly flights: Map<Flight<W>, Place<Flight<W>> | undefined>;
  /** The clients' shares; undefined until the domain first has SUFFIX_FLIGHTS_MAX. */
  shares: FairShares<Flight<W>> | undefined;
}

export class Flights<W> {
  readonly #byKey = new Map<string, Flight<W>>();
  readonly #waiting = new FairShares<WaitingQuery<W>>({ max: WAITERS_MAX, addressMax: CLIENT_WAITERS_MAX });
  readonly #domains = new Map<string, Domain<W>>();

  all(): readonly Flight<W>[] {
    return [...this.#byKey.values()];
  }

  find(question: CacheQuestion): Flight<W> | undefined {
    return this.#byKey.get(questionKey(question));
  }

  /** Returns the flight evicted for it. */
  add(flight: Flight<W>): Flight<W> | undefined {
    this.#byKey.set(flight.key, flight);
    const domain = this.#domains.get(flight.suffix);
    if (domain === undefined) {
      this.#domains.set(flight.suffix, { flights: new Map([[flight, undefined]]), shares: undefined });
      return undefined;
    }
    if (domain.shares === undefined && domain.flights.size >= SUFFIX_FLIGHTS_MAX) {
      domain.shares = new FairShares({ max: SUFFIX_FLIGHTS_MAX });
      for (const existing of domain.flights.keys()) this.#place(domain, existing);
    }
    return this.#place(domain, flight);
  }

  /** Gives a flight its place; returns the one evicted, which may be the flight itself. */
  #place({ flights, shares }: Domain<W>, flight: Flight<W>): Flight<W> | undefined {
    const admission = shares?.admit(flight.client, flight);
    if (admission?.kind === 'refused') return flight;
    if (admission !== undefined) shares?.touch(admission.place, true);
    flights.set(flight, admission?.place);
    return admission?.evicted;
  }

  /** Adds a waiting client; returns the one evicted, which may be the newcomer. */
  join(flight: Flight<W>, client: Ipv4, waiter: W): WaitingQuery<W> | undefined {
    const query: WaitingQuery<W> = { client, waiter, flight, place: undefined };
    flight.waiting.add(query);
    const admission = this.#waiting.admit(client, query);
    if (admission.kind === 'refused') return query;
    query.place = admission.place;
    this.#waiting.touch(admission.place, true);
    return admission.evicted;
  }

  leave(query: WaitingQuery<W>): void {
    query.flight.waiting.delete(query);
    if (query.place !== undefined) this.#waiting.release(query.place);
  }

  /** Removes an ended flight and its clients. */
  remove(flight: Flight<W>): void {
    if (this.#byKey.get(flight.key) === flight) this.#byKey.delete(flight.key);
    this.#leaveDomain(flight);
    for (const { place } of flight.waiting) if (place !== undefined) this.#waiting.release(place);
  }
  #leaveDomain(flight: Flight<W>): void {
    const domain = this.#domains.get(flight.suffix);
    if (domain === undefined) return;
    const place = domain.flights.get(flight);
    if (place !== undefined) domain.shares?.release(place);
    domain.flights.delete(flight);
    if (domain.flights.size === 0) this.#domains.delete(flight.suffix);
  }
}
