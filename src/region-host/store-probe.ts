// Whether the region's store answers, for /readyz. However often that is requested, the store is
// queried once a second at most.
//
// 1. One question is under way at a time, however many requests wait for it, so the probe holds one
//    connection of the pool at most.
// 2. An answer to /readyz waits for the store for ANSWER_MS_MAX at most. A question that takes
//    longer continues: the store counts as away until it ends.
// 3. The question reads a table, which `PostgresWatch` never does: a lock or a full pool that the
//    watch does not see counts here.

import { type Clock, type Instant, within } from '../ground/clock.ts';
import { RackError } from '../ground/errors.ts';
import { describeOutage, type Outage } from '../region/reports/notes.ts';

/** How long the store may take to answer, in milliseconds. */
const ANSWER_MS_MAX = 2000;
/** How long an answer counts, in milliseconds. */
const KNOWN_MS = 1000;
const LATE: Outage = { note: 'database-silent', seconds: ANSWER_MS_MAX / 1000 };

/** Asks the store, and remembers the answer for KNOWN_MS. */
export class StoreProbe {
  readonly #clock: Clock;
  readonly #ask: () => Promise<unknown>;
  #question: Promise<Outage | undefined> | undefined;
  /** The bounded wait for it. */
  #wait: Promise<Outage | undefined> | undefined;
  #known: { readonly problem: Outage | undefined; readonly at: Instant } | undefined;

  /** @param ask reads from the store; may throw RackError */
  constructor(clock: Clock, ask: () => Promise<unknown>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Why the store cannot be used; undefined: it answers. */
  async problem(): Promise<Outage | undefined> {
    const cached = this.#known;
    if (cached !== undefined && this.#clock.now() - cached.at < KNOWN_MS) return cached.problem;
    this.#wait ??= this.#waitForAnswer().finally(() => {
      this.#wait = undefined;
    });
    return await this.#wait;
  }

  async #waitForAnswer(): Promise<Outage | undefined> {
    this.#question ??= this.#askStore().finally(() => {
      this.#question = undefined;
    });
    const problem = await within(this.#clock, ANSWER_MS_MAX, this.#question, () => LATE);
    this.#known = { problem, at: this.#clock.now() };
    return problem;
  }

  async #askStore(): Promise<Outage | undefined> {
    try {
      await this.#ask();
      return undefined;
    } catch (error) {
      if (!(error instanceof RackError)) throw error;
      return describeOutage(error);
    }
  }
}
