// Shares out the turns of the event loop among workers: TCP connections, of which one read may hold
// thousands of questions, and addresses that send requests (`net/shares/turn-queue.ts`). Sources:
// RFC 7766 §6.2.1.1 (a server takes pipelined questions, but need not answer them all at once); RFC
// 8290 §4.2 (flows with little to send go first).
//
//   ask ─┬─ there is room ─▶ work ─┬─ nothing is left ─▶ forgotten, until it asks again
//        └─ none ─▶ #fresh ─┐      └─ there is more ─▶ #backlog ─┐
//                           └──────── #runTurn, #takeNext ◀──────┘
//
// 1. Between two turns every other socket is read. So a datagram waits at most for `turnWork` of
//    arriving requests and `turnWork` of waiting workers, each exceeded by at most one piece.
// 2. After at most `shareWork` the next worker follows. A worker that asks once does not wait for
//    workers with more work.
// 3. While datagrams arrive from others, all workers together take at most `timeShare` of the
//    process's time. The kernel makes a process that never sleeps wait for its processor.

import type { Clock, Instant } from './clock.ts';

/** The pause when the time share is used up, in milliseconds. */
const REST_MS = 1;
/** How long others count as active after their last datagram, in milliseconds. */
export const OTHERS_ACTIVE_MS = 1000;

export interface TurnBounds {
  /** In one turn of the loop, by all workers. */
  readonly turnWork: number;
  /** Of `turnWork`, by one worker at a time. */
  readonly shareWork: number;
  /** The share of time for work while others send datagrams, once it takes longer than `stretchMs`. */
  readonly timeShare: number;
  /** How long work may continue after an idle period, in milliseconds. */
  readonly stretchMs: number;
}

export interface Worker {
  readonly hasWork: boolean;
  /** Works until `most` is reached or exceeded. @returns the work done */
  work(workMax: number): number;
}

export class Turns {
  readonly #clock: Clock;
  readonly #bounds: TurnBounds;
  readonly #countDatagrams: () => number | undefined;
  /** Workers that have not run yet. */
  readonly #newWorkers = new Set<Worker>();
  /** Workers that ran and have more work. */
  readonly #backlog = new Set<Worker>();
  #isBacklogNext = false;
  #remainingWork: number;
  /**
   * Working time before the next rest, in milliseconds, as of `#refilledAt`; below 0 if the last
   * work took longer.
   */
  #remainingMs: number;
  #refilledAt: Instant;
  /** The datagram count at the last check, and when it last changed. */
  #datagramCount: number | undefined;
  #datagramAt: Instant;
  #isWorking = false;
  #isTurnScheduled = false;

  /**
   * @param countDatagrams those received by this process; `undefined` if unknown: others then
   * always count as active
   */
  constructor(clock: Clock, bounds: TurnBounds, countDatagrams: () => number | undefined) {
    this.#clock = clock;
    this.#bounds = bounds;
    this.#remainingWork = bounds.turnWork;
    this.#remainingMs = bounds.stretchMs;
    this.#countDatagrams = countDatagrams;
    this.#refilledAt = clock.now();
    this.#datagramAt = this.#refilledAt;
  }

  /** Runs the worker now or in a later turn. While another worker works it always waits. */
  ask(worker: Worker): void {
    if (this.#newWorkers.has(worker) || this.#backlog.has(worker)) return;
    if (!this.#isWorking && this.#hasRoom()) this.#run(worker);
    else this.#newWorkers.add(worker);
    // Until half the work is done, questions schedule no turn: it would cost each of them a poll of
    // every socket.
    if (this.#remainingWork < this.#bounds.turnWork / 2 || this.#newWorkers.size + this.#backlog.size > 0)
      this.#scheduleTurn();
  }

  /** Gives a worker no more turns. */
  forget(worker: Worker): void {
    this.#newWorkers.delete(worker);
    this.#backlog.delete(worker);
  }

  /** Charges for work that continued after `Worker.work` returned. */
  spend(ms: number): void {
    this.#remainingMs -= ms;
  }

  #hasRoom(): boolean {
    const now = this.#clock.now();
    const { stretchMs, timeShare } = this.#bounds;
    this.#remainingMs = Math.min(stretchMs, this.#remainingMs + (now - this.#refilledAt) * timeShare);
    this.#refilledAt = now;
    return this.#remainingWork > 0 && this.#remainingMs > 0;
  }

  #areOthersActive(now: Instant): boolean {
    const datagramCount = this.#countDatagrams();
    if (datagramCount === undefined || datagramCount !== this.#datagramCount) this.#datagramAt = now;
    this.#datagramCount = datagramCount;
    return now - this.#datagramAt < OTHERS_ACTIVE_MS;
  }

  /** Must follow a `#hasRoom`, which read the clock. */
  #run(worker: Worker): void {
    this.#isWorking = true;
    this.#remainingWork -= worker.work(Math.min(this.#remainingWork, this.#bounds.shareWork));
    this.#isWorking = false;
    const now = this.#clock.now();
    this.#remainingMs -= now - this.#refilledAt;
    if (this.#remainingMs <= 0 && !this.#areOthersActive(now)) this.#remainingMs = this.#bounds.stretchMs;
    if (worker.hasWork) this.#backlog.add(worker);
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    const runTurn = (): void => this.#runTurn();
    if (this.#remainingMs > 0) setImmediate(runTurn);
    else this.#clock.schedule(REST_MS, runTurn);
  }

  #runTurn(): void {
    this.#isTurnScheduled = false;
    this.#remainingWork = this.#bounds.turnWork;
    while (this.#hasRoom()) {
      const worker = this.#takeNext();
      if (worker === undefined) break;
      this.#run(worker);
    }
    this.#remainingWork = this.#bounds.turnWork;
    if (this.#newWorkers.size + this.#backlog.size > 0) this.#scheduleTurn();
  }

  /** Alternates between fresh and backlog, so that neither starves the other. */
  #takeNext(): Worker | undefined {
    const queues = this.#isBacklogNext ? [this.#backlog, this.#newWorkers] : [this.#newWorkers, this.#backlog];
    for (const queue of queues) {
      for (const worker of queue) {
        queue.delete(worker);
        this.#isBacklogNext = queue === this.#newWorkers;
        return worker;
      }
    }
    return undefined;
  }
}
