// Checks for /readyz whether the region's store answers. However often /readyz is requested, the
// store is queried once a second at most.
//
// 1. One query is under way at a time, however many requests wait for it, so the probe holds one
//    connection of the pool at most.
// 2. An answer to /readyz waits for the store for ANSWER_MS_MAX at most. A query that takes longer
//    continues, and the store counts as away until it ends.
// 3. The query reads a table, which `PostgresWatch` never does. So the probe also detects a lock or
//    a full pool.

import { type Clock, type Instant, withTimeout } from '../ground/clock.ts';
import { RackError } from '../ground/errors.ts';
import { describeOutage, type Outage } from '../region/reports/notes.ts';

/** How long the store may take to answer, in milliseconds. */
const ANSWER_MS_MAX = 2000;
/** How long an answer is remembered, in milliseconds. */
const CACHED_MS = 1000;
const LATE: Outage = { note: 'database-silent', seconds: ANSWER_MS_MAX / 1000 };

/** Queries the store, and remembers the answer for CACHED_MS. */
export class StoreProbe {
  readonly #clock: Clock;
  readonly #query: () => Promise<unknown>;
  #pendingQuery: Promise<Outage | undefined> | undefined;
  /** The bounded wait for the pending query. */
  #pendingAnswer: Promise<Outage | undefined> | undefined;
  #cached: { readonly problem: Outage | undefined; readonly at: Instant } | undefined;

  /** @param query reads from the store. It may throw RackError */
  constructor(clock: Clock, ask: () => Promise<unknown>) {
    this.#clock = clock;
    this.#query = ask;
  }

  /** Finds why the store cannot be used. Undefined if it answers. */
  async problem(): Promise<Outage | undefined> {
    const cached = this.#cached;
    if (cached !== undefined && this.#clock.now() - cached.at < CACHED_MS) return cached.problem;
    this.#pendingAnswer ??= this.#waitForAnswer().finally(() => {
      this.#pendingAnswer = undefined;
    });
    return await this.#pendingAnswer;
  }

  async #waitForAnswer(): Promise<Outage | undefined> {
    this.#pendingQuery ??= this.#queryStore().finally(() => {
      this.#pendingQuery = undefined;
    });
    const problem = await withTimeout(this.#clock, ANSWER_MS_MAX, this.#pendingQuery, () => LATE);
    this.#cached = { problem, at: this.#clock.now() };
    return problem;
  }

  async #queryStore(): Promise<Outage | undefined> {
    try {
      await this.#query();
      return undefined;
    } catch (error) {
      if (!(error instanceof RackError)) throw error;
      return describeOutage(error);
    }
  }
}
