// What is known of each machine's power, how old that is, and when it is asked for again. No clock, no process.
//
// 1. Questions are spread: the first by chance over the interval, each next one by a tenth more or less. Where many machines are watched
//    the interval is longer, so that one question follows the other QUESTIONS_APART_MS later on average: each costs a process.
// 2. A machine whose controller does not answer is asked less and less often, down to once in INTERVALS_MAX intervals.
// 3. What was seen once is kept with its age when later questions fail; nothing is made younger than it is.

import { type Instant, later } from '../clock.ts';
import { DeadlineQueue, type Waiting } from '../deadline-queue.ts';
import type { PowerOutcome, PowerState } from './outcome.ts';

/** The interval of questions about one machine, in milliseconds; the shortest one. */
export const QUESTION_EVERY_MS = 60_000;
export const QUESTIONS_APART_MS = 250;
export const INTERVALS_MAX = 10;
/** After a command the state is looked at this much later. */
export const AFTER_COMMAND_MS = 10_000;

/** What is known of a machine's power. */
export interface PowerReading {
  /** The state that was seen last. */
  readonly state: PowerState;
  /** When it was seen, or for `unknown` looked for; undefined: never yet. */
  readonly seenAt: Instant | undefined;
  /** Why the last question had no good answer; undefined: it had one. */
  readonly failure: PowerOutcome | undefined;
}

interface Watched extends Waiting {
  readonly machine: string;
  reading: PowerReading;
  failures: number;
}

const NOTHING: PowerReading = { state: 'unknown', seenAt: undefined, failure: undefined };

/** The readings of the machines that are watched. */
export class PowerReadings {
  readonly #watched = new Map<string, Watched>();
  readonly #due = new DeadlineQueue<Watched>();

  /** When the next question is due; undefined: nothing is watched. */
  get nextAt(): Instant | undefined {
    return this.#due.nextAt;
  }

  get(machine: string): PowerReading | undefined {
    return this.#watched.get(machine)?.reading;
  }

  /** Watches a machine from now on. @param chance 0 to 1 */
  watch(machine: string, now: Instant, chance: number): void {
    if (this.#watched.has(machine)) return;
    const watched: Watched = { machine, reading: NOTHING, failures: 0, place: -1 };
    this.#watched.set(machine, watched);
    this.#due.set(watched, later(now, chance * this.#everyMs));
  }

  /** Watches it no more, and forgets what was known. */
  forget(machine: string): void {
    const watched = this.#watched.get(machine);
    if (watched === undefined) return;
    this.#due.set(watched, undefined);
    this.#watched.delete(machine);
  }

  /** A machine about which to ask now, which is asked about again an interval later; undefined: none is due. */
  takeDue(now: Instant, chance: number): string | undefined {
    const watched = this.#due.takeDue(now);
    if (watched === undefined) return undefined;
    this.#askAgain(watched, now, chance);
    return watched.machine;
  }

  /** The answer to a question. */
  answered(machine: string, answer: PowerOutcome, now: Instant, chance: number): void {
    const watched = this.#watched.get(machine);
    if (watched === undefined) return;
    if (answer.kind === 'done') {
      watched.failures = 0;
      watched.reading = { state: answer.state, seenAt: now, failure: undefined };
    } else {
      watched.failures += 1;
      watched.reading = { ...watched.reading, failure: answer };
    }
    this.#askAgain(watched, now, chance);
  }

  /** A command to a machine has ended. */
  commanded(machine: string, end: PowerOutcome, now: Instant): void {
    const watched = this.#watched.get(machine);
    if (watched === undefined) return;
    // A command of which nobody knows the end makes what was seen before it worth nothing.
    if (end.state !== 'unknown') watched.reading = { state: end.state, seenAt: now, failure: undefined };
    else if (end.kind === 'unknown') watched.reading = { state: 'unknown', seenAt: now, failure: end };
    watched.failures = 0;
    this.#due.set(watched, later(now, AFTER_COMMAND_MS));
  }

  #askAgain(watched: Watched, now: Instant, chance: number): void {
    const intervals = Math.min(2 ** Math.min(watched.failures, INTERVALS_MAX), INTERVALS_MAX);
    this.#due.set(watched, later(now, this.#everyMs * intervals * (0.9 + 0.2 * chance)));
  }

  get #everyMs(): number {
    return Math.max(QUESTION_EVERY_MS, this.#watched.size * QUESTIONS_APART_MS);
  }
}
