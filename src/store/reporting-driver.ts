// Reports each time that the store cannot be used, from whichever work it was: many callers only wait and try again.
//
// 1. A cause is reported once in REPEATED_MS, and at most CAUSES_MAX causes in that time.
// 2. The error goes on to the caller.

import { BoundedMap } from '../bounded-map.ts';
import { type Instant, systemClock } from '../clock.ts';
import { isStoreUnavailable } from '../errors.ts';
import type { RegionDriver } from './region-driver.ts';
import type { Steps } from './region-steps.ts';

const REPEATED_MS = 60_000;
const CAUSES_MAX = 8;

export class ReportingDriver implements RegionDriver {
  readonly #driver: RegionDriver;
  readonly #told = new BoundedMap<string, Instant>(CAUSES_MAX, 'set longest ago');
  #report: (reason: string) => void = () => undefined;

  constructor(driver: RegionDriver) {
    this.#driver = driver;
  }

  /** @param report called with the reason, a sentence with its remedy */
  watch(report: (reason: string) => void): void {
    this.#report = report;
  }

  write<T>(operation: () => Steps<T>): Promise<T> {
    return this.#reported(this.#driver.write(operation));
  }

  read<T>(operation: () => Steps<T>): Promise<T> {
    return this.#reported(this.#driver.read(operation));
  }

  transact<T>(work: () => Promise<T>): Promise<T> {
    return this.#reported(this.#driver.transact(work));
  }

  afterCommit(effect: () => void | Promise<void>): Promise<void> {
    return this.#driver.afterCommit(effect);
  }

  close(): Promise<void> {
    this.#report = () => undefined;
    return this.#driver.close();
  }

  async #reported<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (isStoreUnavailable(error)) this.#tell(error.message);
      throw error;
    }
  }

  #tell(reason: string): void {
    const now = systemClock.now();
    const isRecent = (at: Instant | undefined): boolean => at !== undefined && now - at < REPEATED_MS;
    if (isRecent(this.#told.get(reason))) return;
    // One cause more would forget the oldest, which may be told again at once.
    if (this.#told.size === CAUSES_MAX && isRecent(this.#told.oldest)) return;
    this.#told.set(reason, now);
    this.#report(reason);
  }
}
