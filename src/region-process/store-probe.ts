// Whether the region's store answers, for /readyz. However often that is requested, the store is queried once a second at most.
//
// 1. One question is under way at a time, however many ask, so the probe holds one connection of the pool at most.
// 2. An answer to /readyz waits for the store for ANSWER_MS_MAX at most. A question that takes longer continues: the store counts as away
//    until it ends.

import type { Clock, Instant } from '../clock.ts';
import { RackError } from '../errors.ts';

/** How long the store may take to answer, in milliseconds. */
const ANSWER_MS_MAX = 2000;
/** For how long an answer counts, in milliseconds. */
const KNOWN_MS = 1000;
const LATE = `the region's database has not answered for ${ANSWER_MS_MAX / 1000} s: see whether it runs, its load, and the network to it`;

/** Asks the store, and remembers the answer for KNOWN_MS. */
export class StoreProbe {
  readonly #clock: Clock;
  readonly #ask: () => Promise<unknown>;
  /** The question under way. */
  #question: Promise<string | undefined> | undefined;
  /** The bounded wait for it. */
  #wait: Promise<string | undefined> | undefined;
  #known: { readonly problem: string | undefined; readonly at: Instant } | undefined;

  /** @param ask reads from the store; may throw RackError */
  constructor(clock: Clock, ask: () => Promise<unknown>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Why the store cannot be used; undefined: it answers. */
  async problem(): Promise<string | undefined> {
    const known = this.#known;
    if (known !== undefined && this.#clock.now() - known.at < KNOWN_MS) return known.problem;
    this.#wait ??= this.#waitForAnswer().finally(() => {
      this.#wait = undefined;
    });
    return await this.#wait;
  }

  async #waitForAnswer(): Promise<string | undefined> {
    this.#question ??= this.#askStore().finally(() => {
      this.#question = undefined;
    });
    const late = Promise.withResolvers<string>();
    const timer = this.#clock.schedule(ANSWER_MS_MAX, () => late.resolve(LATE));
    const problem = await Promise.race([this.#question, late.promise]).finally(() => timer.cancel());
    this.#known = { problem, at: this.#clock.now() };
    return problem;
  }

  async #askStore(): Promise<string | undefined> {
    try {
      await this.#ask();
      return undefined;
    } catch (error) {
      if (!(error instanceof RackError)) throw error;
      return error.message;
    }
  }
}
