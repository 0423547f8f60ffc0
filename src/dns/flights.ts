// The questions that wait for an upstream: who waits for which answer, and whose question gives way when too many wait.
//
// A datagram's source can be forged, so no bound here refuses a newcomer for what came before it. What is full makes room instead: the
// question that has waited for longest, of whoever has the most, is answered SERVFAIL. An upstream answers nearly everything in some
// tens of milliseconds, so a flood of names that nobody answers only shortens how long such names are waited for.
// The same idea: `jostle-timeout` of Unbound, `fetches-per-zone` and the soft limit of `recursive-clients` of BIND.
//
// 1. At most WAITERS_MAX questions of clients wait, so there are no more flights than that either.
// 2. Full: the client with the most waiting questions, first of the network with the most, gives up its oldest (fair-shares.ts).
// 3. At most SUFFIX_FLIGHTS_MAX flights ask for names of one domain; then the domain's oldest flight gives way. So a flood of random
//    names in one domain leaves room for all others, however many sources it forges.

import type { Instant } from '../clock.ts';
import type { Waiting } from '../deadline-queue.ts';
import { FairShares, type Place } from '../fair-shares.ts';
import type { Ipv4 } from '../net/address.ts';
import { type CacheQuestion, questionKey } from './cache.ts';
import { labelEnd } from './name.ts';
import type { Upstream } from './upstream.ts';

/**
 * Questions of clients that wait for an upstream. Who may ask can fill it, also in others' names; then the oldest of whoever has the most
 * is answered SERVFAIL. A question leaves when it is answered, at the latest after FLIGHT_MS.
 */
export const WAITERS_MAX = 4096;
/** Of them, those of one client: enough for a site behind one address; beyond, its own oldest gives way. */
export const CLIENT_WAITERS_MAX = 1024;
/** Flights for names of one domain (`suffixOf`): a quarter of all. Beyond, the oldest of the same domain gives way. */
export const SUFFIX_FLIGHTS_MAX = 1024;
/** Exchanges over TCP at a time. Names with large answers fill it; the oldest of the domain with the most gives way. */
export const STREAMS_MAX = 64;

/** One client that waits for a flight. */
export interface Asker<W> {
  readonly client: Ipv4;
  readonly waiter: W;
  readonly flight: Flight<W>;
  place: Place<Asker<W>> | undefined;
}

/** A question that the upstreams are asked. */
export interface Flight<W> extends Waiting {
  readonly kind: 'flight';
  readonly key: string;
  readonly question: CacheQuestion;
  /** The domain it counts for. */
  readonly suffix: string;
  readonly order: readonly Upstream[];
  readonly askers: Set<Asker<W>>;
  /** What was sent and not answered. */
  readonly exchanges: Set<Exchange<W>>;
  attempts: number;
  done: boolean;
  /** Replies that repeated the question but came with a wrong id: somebody may be guessing. */
  nearMisses: number;
  readonly endsAt: Instant;
  /** When the next upstream is asked; undefined: no more. */
  asksAt: Instant | undefined;
}

/** One question to one upstream. */
export interface Exchange<W> extends Waiting {
  readonly kind: 'exchange';
  readonly key: number;
  readonly upstream: Upstream;
  readonly flight: Flight<W>;
  readonly edns: boolean;
  readonly sentAt: Instant;
  /** Its place among the exchanges over TCP; undefined while UDP is used. */
  stream: Place<Exchange<W>> | undefined;
}

/**
 * The domain that a name counts for: its last two labels, or four below `arpa`. Where that is a suffix under which strangers register
 * (`co.uk`), they share it; then too the oldest gives way, never a newcomer.
 */
export function suffixOf(name: string): string {
  const labels = name.endsWith('.arpa') ? 4 : 2;
  let start = 0;
  // A backslash may stand before a dot: then the labels are counted from the front.
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

/** The flights and those who wait for them. */
export class Flights<W> {
  readonly #byKey = new Map<string, Flight<W>>();
  readonly #askers = new FairShares<Asker<W>>({ max: WAITERS_MAX, addressMax: CLIENT_WAITERS_MAX });
  /** The flights of each domain, the oldest first. Within one bound there is nothing to share out, so this is no FairShares. */
  readonly #suffixes = new Map<string, Set<Flight<W>>>();

  get size(): number {
    return this.#byKey.size;
  }

  all(): readonly Flight<W>[] {
    return [...this.#byKey.values()];
  }

  find(question: CacheQuestion): Flight<W> | undefined {
    return this.#byKey.get(questionKey(question));
  }

  /** Takes in a flight; returns the one that gives way to it. */
  add(flight: Flight<W>): Flight<W> | undefined {
    this.#byKey.set(flight.key, flight);
    const own = this.#suffixes.get(flight.suffix);
    if (own === undefined) {
      this.#suffixes.set(flight.suffix, new Set([flight]));
      return undefined;
    }
    const [oldest] = own.size < SUFFIX_FLIGHTS_MAX ? [] : own;
    own.add(flight);
    return oldest;
  }

  /** Lets a client wait for a flight; returns whoever waits no longer because of it, perhaps the newcomer itself. */
  join(flight: Flight<W>, client: Ipv4, waiter: W): Asker<W> | undefined {
    const asker: Asker<W> = { client, waiter, flight, place: undefined };
    flight.askers.add(asker);
    const admission = this.#askers.admit(client, asker);
    if (admission.kind === 'refused') return asker;
    asker.place = admission.place;
    this.#askers.touch(admission.place, true);
    return admission.evicted;
  }

  /** A client waits no longer. */
  leave(asker: Asker<W>): void {
    asker.flight.askers.delete(asker);
    if (asker.place !== undefined) this.#askers.release(asker.place);
  }

  /** A flight has ended, and with it everybody's waiting. */
  remove(flight: Flight<W>): void {
    if (this.#byKey.get(flight.key) === flight) this.#byKey.delete(flight.key);
    const own = this.#suffixes.get(flight.suffix);
    if (own?.delete(flight) === true && own.size === 0) this.#suffixes.delete(flight.suffix);
    for (const { place } of flight.askers) if (place !== undefined) this.#askers.release(place);
  }
}
