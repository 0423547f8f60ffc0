// Queues expensive requests that any host may send at any rate. They are served a few per turn,
// address by address: a sender of thousands waits behind its own, and a sender of one is next.
// Sources: turns.ts; net/shares/fair-shares.ts; RFC 8290 §4.2 (flows with little to send go first).
//
//   offer ─▶ a place in the line of its address ─▶ the line's turn ─▶ take
//                     └─ too many wait: the oldest of the largest share (FairShares) ─▶ drop
//
// 1. Every request is taken or dropped, exactly once; while there is time, it is taken at once.
// 2. Within an address the newest displaces the oldest, so a retry has a chance.

import type { Ipv4 } from '../../ground/address.ts';
import type { Turns, Worker } from '../../ground/turns.ts';
import { FairShares, type Place } from './fair-shares.ts';

interface TurnQueueDeps<T> {
  readonly turns: Turns;
  /** Waiting requests of all addresses. */
  readonly max: number;
  /** Waiting requests of one address. */
  readonly addressMax: number;
  /** Serves a request. */
  readonly take: (request: T) => void;
  /** Called when a newer request took the place. */
  readonly drop: (request: T) => void;
}

interface Waiting<T> {
  readonly request: T;
  readonly line: Line<T>;
}

export class TurnQueue<T> {
  readonly #deps: TurnQueueDeps<T>;
  readonly #shares: FairShares<Waiting<T>>;
  readonly #lines = new Map<string | Ipv4, Line<T>>();

  constructor(deps: TurnQueueDeps<T>) {
    this.#deps = deps;
    this.#shares = new FairShares({ max: deps.max, addressMax: deps.addressMax });
  }

  /** Serves a request now or in a later turn. */
  offer(address: string | Ipv4, request: T): void {
    const { turns, drop } = this.#deps;
    const line = this.#lines.get(address) ?? new Line<T>(address, (place) => this.#take(place));
    const admission = this.#shares.admit(address, { request, line });
    if (admission.kind === 'refused') {
      drop(request);
      return;
    }
    // Giving way costs a waiting request nothing.
    this.#shares.touch(admission.place, true);
    this.#lines.set(address, line);
    line.places.add(admission.place);
    if (admission.evicted !== undefined) this.#evict(admission.evicted);
    turns.ask(line);
  }

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
    // The evicted request is its address's oldest, so it is first.
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

/** The waiting requests of one address, oldest first. */
class Line<T> implements Worker {
  readonly address: string | Ipv4;
  readonly places = new Set<Place<Waiting<T>>>();
  readonly #take: (place: Place<Waiting<T>>) => void;

  constructor(address: string | Ipv4, take: (place: Place<Waiting<T>>) => void) {
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
