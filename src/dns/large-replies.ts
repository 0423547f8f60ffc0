// Gives large upstream replies a share of the time. A reply of 64 KiB takes tens of milliseconds to
// process, while the rack serves no other client. Only clients that ask for many such replies wait.
//
//   reply over TCP ─┬─ LARGE_REPLY_OCTETS at most ─▶ processed at once
//                   └─ larger ─┬─ room ─▶ #waiting ─ turn (`../turns.ts`) ─▶ processed
//                              └─ none ─▶ dropped, as if the connection had failed
//
// 1. Replies are processed in order, one a turn.
// 2. A reply whose exchange has ended is dropped.

import type { Turns, Worker } from '../ground/turns.ts';

/** A smaller reply costs about a millisecond. In octets. */
export const LARGE_REPLY_OCTETS = 4096;
/**
 * Large replies waiting for their turn. Clients that ask for large answers fill it; a further one
 * is dropped, and its client gets SERVFAIL or another upstream's answer. It empties within the
 * lifetime of an exchange, so that an upstream that answered does not look silent.
 */
export const LARGE_REPLIES_WAITING_MAX = 4;

export class LargeReplies implements Worker {
  readonly #turns: Turns;
  readonly #take: (exchange: number, bytes: Uint8Array) => void;
  /** By exchange, in order of arrival. */
  readonly #waiting = new Map<number, Uint8Array>();

  /** @param turns for these only, so that client questions do not wait */
  constructor(turns: Turns, take: (exchange: number, bytes: Uint8Array) => void) {
    this.#turns = turns;
    this.#take = take;
  }

  get hasWork(): boolean {
    return this.#waiting.size > 0;
  }

  /** Takes ownership of `bytes`, perhaps until its turn. False: too many replies wait. */
  hold(exchange: number, bytes: Uint8Array): boolean {
    if (this.#waiting.size >= LARGE_REPLIES_WAITING_MAX) return false;
    this.#waiting.set(exchange, bytes);
    this.#turns.ask(this);
    return true;
  }

  forget(exchange: number): void {
    this.#waiting.delete(exchange);
    if (this.#waiting.size === 0) this.#turns.forget(this);
  }

  work(most: number): number {
    for (const [exchange, bytes] of this.#waiting) {
      this.#waiting.delete(exchange);
      this.#take(exchange, bytes);
      break;
    }
    // One reply uses up the turn.
    return most;
  }
}
