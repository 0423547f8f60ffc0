// Queues expensive requests that any host may send at any rate. They are served a few per turn,
// address by address: a sender of thousands waits behind its own requests, and a sender of one is
// next. Sources: turns.ts; net/shares/fair-shares.ts; RFC 8290 §4.2 (flows with little to send go
// first).
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
  readonly serve: (request: T) => void;
  /** Called when a newer request took the place. */
  readonly drop: (request: T) => void;
}

interface Waiting<T> {
  readonly request: T;
  readonly queue: AddressQueue<T>;
}

export class TurnQueue<T> {
  readonly #deps: TurnQueueDeps<T>;
  readonly #shares: FairShares<Waiting<T>>;
  readonly #queues = new Map<string | Ipv4, AddressQueue<T>>();

  constructor(deps: TurnQueueDeps<T>) {
    this.#deps = deps;
    this.#shares = new FairShares({ max: deps.max, addressMax: deps.addressMax });
  }

  /** Serves a request now or in a later turn. */
  offer(address: string | Ipv4, request: T): void {
    const { turns, drop } = this.#deps;
    const queue = this.#queues.get(address) ?? new AddressQueue<T>(address, (place) => this.#serve(place));
    const admission = this.#shares.admit(address, { request, queue });
    if (admission.kind === 'refused') {
      drop(request);
      return;
    }
    // Giving way costs a waiting request nothing.
    this.#shares.touch(admission.place, true);
    this.#queues.set(address, queue);
    queue.places.add(admission.place);
    if (admission.evicted !== undefined) this.#evict(admission.evicted);
    turns.ask(queue);
  }

  clear(): void {
    for (const queue of this.#queues.values()) {
      this.#deps.turns.forget(queue);
      for (const place of queue.places) this.#shares.release(place);
    }
    this.#queues.clear();
  }

  #serve(place: Place<Waiting<T>>): void {
    const { queue, request } = place.holder;
    this.#shares.release(place);
    if (queue.places.size === 0) this.#queues.delete(queue.address);
    this.#deps.serve(request);
  }

  #evict({ queue, request }: Waiting<T>): void {
    // The evicted request is its address's oldest, so it is first.
    for (const place of queue.places) {
      queue.places.delete(place);
      if (queue.places.size === 0) {
        this.#queues.delete(queue.address);
        this.#deps.turns.forget(queue);
      }
      break;
    }
    this.#deps.drop(request);
  }
}

/** The waiting requests of one address, oldest first. */
class AddressQueue<T> implements Worker {
  readonly address: string | Ipv4;
  readonly places = new Set<Place<Waiting<T>>>();
  readonly #serve: (place: Place<Waiting<T>>) => void;

  constructor(address: string | Ipv4, serve: (place: Place<Waiting<T>>) => void) {
    this.address = address;
    this.#serve = serve;
  }

  get hasWork(): boolean {
    return this.places.size > 0;
  }

  work(workMax: number): number {
    let workDone = 0;
    for (const place of this.places) {
      if (workDone >= workMax) break;
      this.places.delete(place);
      this.#serve(place);
      workDone += 1;
    }
    return workDone;
  }
}
