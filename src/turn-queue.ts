// Requests that anybody may send at any rate, and of which each costs much: they are taken up by turns, address by address, a few in a turn of
// the event loop. Whoever sends thousands a second waits behind itself; whoever sends one is next.
// Sources: turns.ts; fair-shares.ts; RFC 8290 §4.2 (who has little to do goes before those that always have more).
//
//   offer ─▶ a place in the line of its address ─▶ the line's turn ─▶ take
//                     └─ too many wait: the oldest of whoever has most (FairShares) ─▶ drop
//
// 1. What is offered is taken or dropped, once; while there is time it is taken at once.
// 2. Of one address the oldest is dropped for the newest: somebody who asks again has a chance at each time.

import { FairShares, type Place } from './fair-shares.ts';
import type { Ipv4 } from './net/address.ts';
import type { Turns, Worker } from './turns.ts';

export interface TurnQueueDeps<T> {
  readonly turns: Turns;
  /** How many may wait, of all addresses. */
  readonly max: number;
  /** And of one. */
  readonly addressMax: number;
  /** Does what was asked. */
  readonly take: (request: T) => void;
  /** It lost its place to a newer one. */
  readonly drop: (request: T) => void;
}

interface Waiting<T> {
  readonly request: T;
  readonly line: Line<T>;
}

/** Requests that wait for their turn. */
export class TurnQueue<T> {
  readonly #deps: TurnQueueDeps<T>;
  readonly #shares: FairShares<Waiting<T>>;
  readonly #lines = new Map<Ipv4, Line<T>>();

  constructor(deps: TurnQueueDeps<T>) {
    this.#deps = deps;
    this.#shares = new FairShares({ max: deps.max, addressMax: deps.addressMax });
  }

  /** How many wait. */
  get size(): number {
    return this.#shares.size;
  }

  /** Takes a request of this address up, now or when its turn comes. */
  offer(address: Ipv4, request: T): void {
    const { turns, drop } = this.#deps;
    const line = this.#lines.get(address) ?? new Line<T>(address, (place) => this.#take(place));
    const admission = this.#shares.admit(address, { request, line });
    if (admission.kind === 'refused') {
      drop(request);
      return;
    }
    // What waits loses nothing by giving way.
    this.#shares.touch(admission.place, true);
    this.#lines.set(address, line);
    line.places.add(admission.place);
    if (admission.evicted !== undefined) this.#evict(admission.evicted);
    turns.ask(line);
  }

  /** Nothing that waits is taken up any more. */
  clear(): void {
    for (const line of this.#lines.values()) {
      this.#deps.turns.forget(line);
      for (const place of line.places) this.#shares.release(place);
    }
    this.#lines.clear();
  }

  #take(place: Place<Waiting<T>>): void {
    const { line, request } = place.holder;
    this.#shares.release(place);
    if (line.places.size === 0) this.#lines.delete(line.address);
    this.#deps.take(request);
  }

  #evict({ line, request }: Waiting<T>): void {
    // The oldest of its address, so it stands first.
    for (const place of line.places) {
      line.places.delete(place);
      if (line.places.size === 0) {
        this.#lines.delete(line.address);
        this.#deps.turns.forget(line);
      }
      break;
    }
    this.#deps.drop(request);
  }
}

/** What waits of one address, oldest first. */
class Line<T> implements Worker {
  readonly address: Ipv4;
  readonly places = new Set<Place<Waiting<T>>>();
  readonly #take: (place: Place<Waiting<T>>) => void;

  constructor(address: Ipv4, take: (place: Place<Waiting<T>>) => void) {
    this.address = address;
    this.#take = take;
  }

  get hasWork(): boolean {
    return this.places.size > 0;
  }

  work(most: number): number {
    let worked = 0;
    for (const place of this.places) {
      if (worked >= most) break;
      this.places.delete(place);
      this.#take(place);
      worked += 1;
    }
    return worked;
  }
}
