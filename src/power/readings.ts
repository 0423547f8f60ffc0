// Each machine's last known power state, and when it is queried again. No clock, no process.
//
// 1. Queries are spread: the first is random within the interval, later intervals vary by a tenth.
//    With many machines, queries are QUERIES_APART_MS apart on average, because each costs a
//    process.
// 2. A machine whose controller does not answer is queried more rarely, at least once in
//    INTERVALS_MAX intervals.
// 3. If later queries fail, the last state is kept with its true age.

import { type Instant, later } from '../ground/clock.ts';
import { DeadlineQueue, type QueuedItem } from '../ground/deadline-queue.ts';
import type { PowerOutcome, PowerState } from './outcome.ts';

/** The shortest interval between queries of one machine, in milliseconds. */
export const POWER_QUERY_EVERY_MS = 60_000;
export const QUERIES_APART_MS = 250;
export const INTERVALS_MAX = 10;
/** The wait between a command and the next query, in milliseconds. */
export const AFTER_COMMAND_MS = 10_000;

export interface PowerReading {
  readonly state: PowerState;
  /**
   * When the state was seen or, if it is `unknown`, when it was queried; undefined if it never was.
   */
  readonly seenAt: Instant | undefined;
  /** The last query, if it failed. */
  readonly failure: PowerOutcome | undefined;
}

interface WatchedMachine extends QueuedItem {
  readonly machine: string;
  reading: PowerReading;
  failures: number;
}

const NO_READING: PowerReading = { state: 'unknown', seenAt: undefined, failure: undefined };

export class PowerReadings {
  readonly #watched = new Map<string, WatchedMachine>();
  readonly #dueQueries = new DeadlineQueue<WatchedMachine>();

  /** When the next query is due; undefined if no machine is watched. */
  get nextAt(): Instant | undefined {
    return this.#dueQueries.nextAt;
  }

  get(machine: string): PowerReading | undefined {
    return this.#watched.get(machine)?.reading;
  }

  /** @param chance random, 0 to 1 */
  watch(machine: string, now: Instant, chance: number): void {
    if (this.#watched.has(machine)) return;
    const watched: WatchedMachine = { machine, reading: NO_READING, failures: 0, heapIndex: -1 };
    this.#watched.set(machine, watched);
    this.#dueQueries.set(watched, later(now, chance * this.#intervalMs));
  }

  forget(machine: string): void {
    const watched = this.#watched.get(machine);
    if (watched === undefined) return;
    this.#dueQueries.set(watched, undefined);
    this.#watched.delete(machine);
  }

  /** Schedules the next query of the machine it returns; undefined if none is due. */
  takeDue(now: Instant, chance: number): string | undefined {
    const watched = this.#dueQueries.takeDue(now);
    if (watched === undefined) return undefined;
    this.#scheduleQuery(watched, now, chance);
    return watched.machine;
  }

  recordAnswer(machine: string, answer: PowerOutcome, now: Instant, chance: number): void {
    const watched = this.#watched.get(machine);
    if (watched === undefined) return;
    if (answer.kind === 'done') {
      watched.failures = 0;
      watched.reading = { state: answer.state, seenAt: now, failure: undefined };
    } else {
      watched.failures += 1;
      watched.reading = { ...watched.reading, failure: answer };
    }
    this.#scheduleQuery(watched, now, chance);
  }

  recordCommandEnd(machine: string, end: PowerOutcome, now: Instant): void {
    const watched = this.#watched.get(machine);
    if (watched === undefined) return;
    // After an unknown outcome, the state seen before may be wrong.
    if (end.state !== 'unknown') watched.reading = { state: end.state, seenAt: now, failure: undefined };
    else if (end.kind === 'unknown') watched.reading = { state: 'unknown', seenAt: now, failure: end };
    watched.failures = 0;
    this.#dueQueries.set(watched, later(now, AFTER_COMMAND_MS));
  }

  #scheduleQuery(watched: WatchedMachine, now: Instant, chance: number): void {
    const intervals = Math.min(2 ** Math.min(watched.failures, INTERVALS_MAX), INTERVALS_MAX);
    this.#dueQueries.set(watched, later(now, this.#intervalMs * intervals * (0.9 + 0.2 * chance)));
  }

  get #intervalMs(): number {
    return Math.max(POWER_QUERY_EVERY_MS, this.#watched.size * QUERIES_APART_MS);
  }
}
