// Reports that the store cannot be used, whatever the work was: many callers only wait and try again.
//
// 1. A cause is reported once in REPORT_INTERVAL_MS, and at most CAUSES_MAX causes in that time.
// 2. The error is passed on to the caller.

import { BoundedMap } from '../../ground/bounded-map.ts';
import { type Clock, type Instant, systemClock } from '../../ground/clock.ts';
import { isStoreUnavailable, type RackError } from '../../ground/errors.ts';
import { describeOutage, type Outage } from '../../region/reports/notes.ts';
import type { Steps } from '../steps.ts';
import type { RegionDriver } from './region-driver.ts';

/** The interval at which the same cause is reported again. */
const REPORT_INTERVAL_MS = 60_000;
/** Causes that are reported within REPORT_INTERVAL_MS. */
export const CAUSES_MAX = 16;

export class ReportingDriver implements RegionDriver {
  readonly #driver: RegionDriver;
  readonly #clock: Clock;
  readonly #reportedAt = new BoundedMap<string, Instant>(CAUSES_MAX, 'set longest ago');
  #reportOutage: (outage: Outage) => void = () => undefined;

  constructor(driver: RegionDriver, clock: Clock = systemClock) {
    this.#driver = driver;
    this.#clock = clock;
  }

  watch(report: (outage: Outage) => void): void {
    this.#reportOutage = report;
  }

  write<T>(operation: () => Steps<T>): Promise<T> {
    return this.#reportFailure(this.#driver.write(operation));
  }

  read<T>(operation: () => Steps<T>): Promise<T> {
    return this.#reportFailure(this.#driver.read(operation));
  }

  transact<T>(work: () => Promise<T>): Promise<T> {
    return this.#reportFailure(this.#driver.transact(work));
  }

  afterCommit(effect: () => void | Promise<void>): Promise<void> {
    return this.#driver.afterCommit(effect);
  }

  isInTransaction(): boolean {
    return this.#driver.isInTransaction();
  }

  close(): Promise<void> {
    this.#reportOutage = () => undefined;
    return this.#driver.close();
  }

  async #reportFailure<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (isStoreUnavailable(error)) this.report(error);
      throw error;
    }
  }

  report(error: RackError): void {
    const cause = error.message;
    const now = this.#clock.now();
    const isRecent = (at: Instant | undefined): boolean => at !== undefined && now - at < REPORT_INTERVAL_MS;
    if (isRecent(this.#reportedAt.get(cause))) return;
    // It would displace the oldest, which could then be reported again at once.
    if (this.#reportedAt.size === CAUSES_MAX && isRecent(this.#reportedAt.oldest)) return;
    this.#reportedAt.set(cause, now);
    this.#reportOutage(describeOutage(error));
  }
}
