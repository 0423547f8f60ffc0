// A clock that stands still until a test moves it. Timers fire in the order of their deadlines, each at its own deadline; the
// random bytes come from a seed, so a run can be repeated.

import { setImmediate as rest } from 'node:timers/promises';
import { type Clock, type Instant, instant, type Timer } from '../../src/ground/clock.ts';

interface PendingTimer {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

/** The most timers one `advance` fires: beyond it, a timer is assumed to reset itself forever. */
const FIRED_MAX = 1_000_000;
/** Longer than the pauses between a region's looks at its store. */
const LEAP_REST_MS = 5000;

/** A `Clock` in virtual time, starting at `startMs` milliseconds since 1970. */
export class VirtualClock implements Clock {
  #nowMs: number;
  #order = 0;
  #wallOffsetMs = 0;
  #random: number;
  readonly #timers = new Set<PendingTimer>();

  constructor(startMs = 1_700_000_000_000, seed = 1) {
    this.#nowMs = startMs;
    this.#random = seed >>> 0;
  }

  now(): Instant {
    return instant(this.#nowMs);
  }

  wallTimeMs(): number {
    return Math.floor(this.#nowMs) + this.#wallOffsetMs;
  }

  schedule(delayMs: number, action: () => void): Timer {
    const timer: PendingTimer = { at: this.#nowMs + Math.max(0, delayMs), order: this.#order++, action };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  randomBytes(count: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(count);
    for (let index = 0; index < count; index += 1) {
      this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[index] = this.#random >>> 24;
    }
    return bytes;
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time forward by `ms`, firing what falls due on the way. */
  advance(ms: number): void {
    const target = this.#nowMs + ms;
    for (let fired = 0; fired < FIRED_MAX; fired += 1) {
      const next = this.#next();
      if (next === undefined || next.at > target) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.at);
      next.action();
    }
    this.#nowMs = target;
  }

  /** As `advance`, but waits after each timer until what it has started comes to rest. */
  async pass(ms: number): Promise<void> {
    const target = this.#nowMs + ms;
    await rest();
    for (let fired = 0; fired < FIRED_MAX; fired += 1) {
      const next = this.#next();
      if (next === undefined || next.at > target) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.at);
      next.action();
      await rest();
    }
    this.#nowMs = target;
  }

  /**
   * As `pass` for time in which nothing is expected: only its last LEAP_REST_MS pass, and before them each timer fires once. A region that
   * looks at its store every two seconds looks a few times, not for every two seconds of a day.
   */
  async leap(ms: number): Promise<void> {
    this.advance(ms - LEAP_REST_MS);
    await this.pass(LEAP_REST_MS);
  }

  /** Steps the wall clock by `ms` without touching instants, like an administrator or a time server. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  #next(): PendingTimer | undefined {
    let next: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
    }
    return next;
  }
}
