// Large replies of upstreams wait for a share of the time: one of 64 KiB holds thousands of records, which cost tens of milliseconds to read, sift
// and write anew, while nobody else is served. Who asks for many of them waits, and nobody else does.
//
//   reply over TCP ─┬─ LARGE_REPLY_OCTETS at most ─▶ taken at once
//                   └─ larger ─┬─ room ─▶ #waiting ─ turn (`../turns.ts`) ─▶ taken
//                              └─ none ─▶ lost, as if the connection had failed
//
// 1. Replies are taken in the order in which they came, one a turn.
// 2. A reply whose exchange has ended is forgotten, and costs nothing more.

import type { Turns, Worker } from '../turns.ts';

/** Larger replies wait: below, a reply costs about a millisecond. In octets. */
export const LARGE_REPLY_OCTETS = 4096;
/**
 * Large replies that wait for their turn. Clients that ask for names with large answers fill it; at the bound a further large reply is lost, and its
 * client is told SERVFAIL or waits for another upstream. It empties by a share of the time, within the time that an exchange has: an upstream that
 * answered must not look as if it had not.
 */
export const LARGE_REPLIES_WAITING_MAX = 4;

/** The large replies of one server. */
export class LargeReplies implements Worker {
  readonly #turns: Turns;
  readonly #take: (exchange: number, bytes: Uint8Array) => void;
  /** By exchange, in the order in which they came. */
  readonly #waiting = new Map<number, Uint8Array>();

  /** @param turns of these replies alone: questions of clients do not wait for them */
  constructor(turns: Turns, take: (exchange: number, bytes: Uint8Array) => void) {
    this.#turns = turns;
    this.#take = take;
  }

  get hasWork(): boolean {
    return this.#waiting.size > 0;
  }

  /** Keeps a reply until its turn, perhaps now; `bytes` are no longer the caller's. False: too many wait. */
  hold(exchange: number, bytes: Uint8Array): boolean {
    if (this.#waiting.size >= LARGE_REPLIES_WAITING_MAX) return false;
    this.#waiting.set(exchange, bytes);
    this.#turns.ask(this);
    return true;
  }

  /** The exchange has ended. */
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
    // A turn is one reply, however large the turn may be.
    return most;
  }
}
