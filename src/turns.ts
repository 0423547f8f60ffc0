// Shares out the turns of the event loop among those that have work for it: TCP connections with questions, of which one read may hold
// thousands, and addresses that send requests (`turn-queue.ts`).
// Sources: RFC 7766 §6.2.1.1 (pipelined questions are taken; nothing says that they are answered in one go); RFC 8290 §4.2 (who has
// little to do goes before those that always have more).
//
//   ask ─┬─ there is room ─▶ work ─┬─ nothing is left ─▶ forgotten, until it asks again
//        └─ none ─▶ #fresh ─┐      └─ there is more ─▶ #backlog ─┐
//                           └──────── #nextTurn, #takeNext ◀─────┘
//
// 1. Between two turns every other socket is read, so a datagram waits for one turn at most: `turnWork` as requests arrive, and once
//    more for those that wait, each beyond by one piece.
// 2. A worker does at most `shareWork`, then the next one follows. Who asks once does not wait for those that always have more.
// 3. While others send datagrams to this process, all of it together takes `timeShare` of its time and no more: it would else
//    never sleep, and the system makes a process that never sleeps wait for its processor.

import type { Clock, Instant } from './clock.ts';

/** How long a rest lasts, in milliseconds. */
const REST_MS = 1;
/** Others are at work for so long after a datagram of theirs, in milliseconds. */
export const OTHERS_MS = 1000;

/** How much may be done. */
export interface TurnBounds {
  /** In one turn of the loop, by all workers. */
  readonly turnWork: number;
  /** Of it, by one worker at a time. */
  readonly shareWork: number;
  /** The share of time while others send datagrams, whenever the work takes longer than `stretchMs`. */
  readonly timeShare: number;
  /** So long may be worked after a time without work, in milliseconds. */
  readonly stretchMs: number;
}

/** Somebody who has work. */
export interface Worker {
  /** True while there is work that may be done now. */
  readonly hasWork: boolean;
  /** Works until `most` is done or passed. @returns the work done */
  work(most: number): number;
}

/** The turns of one door. */
export class Turns {
  readonly #clock: Clock;
  readonly #bounds: TurnBounds;
  readonly #datagrams: () => number | undefined;
  /** Those that asked and had no turn yet. */
  readonly #fresh = new Set<Worker>();
  /** Those that had a turn and have more to do. */
  readonly #backlog = new Set<Worker>();
  #isBacklogNext = false;
  #left: number;
  /** How long may be worked before the next rest, in milliseconds, as of `#at`; below 0 where the last work took longer. */
  #leftMs: number;
  #at: Instant;
  /** How many datagrams had come by the last look, and when that had changed. */
  #heard: number | undefined;
  #heardAt: Instant;
  #isWorking = false;
  #isNextDue = false;

  /** @param datagrams counts what the process has received by UDP; undefined: nobody can tell, so others are always at work */
  constructor(clock: Clock, bounds: TurnBounds, datagrams: () => number | undefined) {
    this.#clock = clock;
    this.#bounds = bounds;
    this.#left = bounds.turnWork;
    this.#leftMs = bounds.stretchMs;
    this.#datagrams = datagrams;
    this.#at = clock.now();
    this.#heardAt = this.#at;
  }

  /** Lets `worker` work: now, or when its turn comes. Whoever asks because another works has to wait. */
  ask(worker: Worker): void {
    if (this.#fresh.has(worker) || this.#backlog.has(worker)) return;
    if (!this.#isWorking && this.#hasRoom()) this.#run(worker);
    else this.#fresh.add(worker);
    // Single questions go on without a next turn, which costs each of them a look at every socket, until half the work is done.
    if (this.#left < this.#bounds.turnWork / 2 || this.#fresh.size + this.#backlog.size > 0) this.#expectNext();
  }

  /** It has gone, and gets no turn any more. */
  forget(worker: Worker): void {
    this.#fresh.delete(worker);
    this.#backlog.delete(worker);
  }

  /** Work took so much longer, in milliseconds, after `Worker.work` had returned. */
  spend(ms: number): void {
    this.#leftMs -= ms;
  }

  #hasRoom(): boolean {
    const now = this.#clock.now();
    const { stretchMs, timeShare } = this.#bounds;
    this.#leftMs = Math.min(stretchMs, this.#leftMs + (now - this.#at) * timeShare);
    this.#at = now;
    return this.#left > 0 && this.#leftMs > 0;
  }

  #areOthersAtWork(now: Instant): boolean {
    const heard = this.#datagrams();
    if (heard === undefined || heard !== this.#heard) this.#heardAt = now;
    this.#heard = heard;
    return now - this.#heardAt < OTHERS_MS;
  }

  /** Follows a `#hasRoom`, which has read the clock. */
  #run(worker: Worker): void {
    this.#isWorking = true;
    this.#left -= worker.work(Math.min(this.#left, this.#bounds.shareWork));
    this.#isWorking = false;
    const now = this.#clock.now();
    this.#leftMs -= now - this.#at;
    if (this.#leftMs <= 0 && !this.#areOthersAtWork(now)) this.#leftMs = this.#bounds.stretchMs;
    if (worker.hasWork) this.#backlog.add(worker);
  }

  #expectNext(): void {
    if (this.#isNextDue) return;
    this.#isNextDue = true;
    const next = (): void => this.#nextTurn();
    if (this.#leftMs > 0) setImmediate(next);
    else this.#clock.schedule(REST_MS, next);
  }

  #nextTurn(): void {
    this.#isNextDue = false;
    this.#left = this.#bounds.turnWork;
    while (this.#hasRoom()) {
      const worker = this.#takeNext();
      if (worker === undefined) break;
      this.#run(worker);
    }
    this.#left = this.#bounds.turnWork;
    if (this.#fresh.size + this.#backlog.size > 0) this.#expectNext();
  }

  /** One that is fresh and one of the backlog in turn, so that neither keeps the other waiting for ever. */
  #takeNext(): Worker | undefined {
    const queues = this.#isBacklogNext ? [this.#backlog, this.#fresh] : [this.#fresh, this.#backlog];
    for (const queue of queues) {
      for (const worker of queue) {
        queue.delete(worker);
        this.#isBacklogNext = queue === this.#fresh;
        return worker;
      }
    }
    return undefined;
  }
}
