// Tracks whether PostgreSQL confirms commits, under synchronous replication: a COMMIT is answered
// once the standby has the transaction, and waits without limit for a missing one.
//
//   confirming ── a COMMIT has waited for a standby for CONFIRMED_MS_MAX ──▶ unconfirmed: every change is refused
//       ▲                                                                        │
//       └──────── no transaction waits any more; checked every ASK_MS ───────────┘
//
// Sources: postgresql.org/docs/15/warm-standby.html#SYNCHRONOUS-REPLICATION, /monitoring-stats.html
// (pg_stat_activity, wait event SyncRep).
//
// 1. A waiting transaction is on the server's disk but unseen, and lost if a standby without it
//    takes over. So its caller gets `Unconfirmed`, and it is never repeated.
// 2. The process gives up its connection, so that reads can use the pool, but the server keeps the locks.
// 3. While unconfirmed, a transaction fails at its first change, before it waits for such a lock.
// 4. Only an answer of the database ends the unconfirmed state.

import { type Instant, repeat, systemClock, type Timer } from '../../ground/clock.ts';
import type { RefusedChange, StoreConfirmation } from '../../region/records/store-state.ts';
import { type Outage, StoreOutage } from '../../region/reports/notes.ts';
import { Unconfirmed } from './postgres-faults.ts';
import { createPoolConfig, endConnection, PostgresClient, type PostgresPlace } from './postgres-place.ts';

/**
 * How long a COMMIT may wait for a standby, in milliseconds: less than the waits for its connection
 * or its locks.
 */
const CONFIRMED_MS_MAX = 4000;
/** The interval of the checks, in milliseconds. */
const ASK_MS = 1000;

/** Transactions that have waited for half of CONFIRMED_MS_MAX; a shorter wait may be normal. */
const WAITING_SQL =
  "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rackboot' " +
  `AND wait_event = 'SyncRep' AND query_start < clock_timestamp() - interval '${CONFIRMED_MS_MAX / 2} milliseconds' LIMIT 1`;

const isFullDiskOutage = (outage: Outage): boolean =>
  outage.note === 'database-unusable' && outage.fault === 'disk-full';

export class PostgresConfirmation implements StoreConfirmation {
  readonly #place: PostgresPlace;
  #onChange: (problem: Outage | undefined) => void = () => undefined;
  #onRefusalsEnd: (refusedMs: number) => void = () => undefined;
  #refused: RefusedChange | undefined;
  #refusedAt: Instant | undefined;
  #isMissing = false;
  #currentCheck: Promise<boolean> | undefined;
  #checkTimer: Timer | undefined;
  #isClosed = false;

  constructor(place: PostgresPlace) {
    this.#place = place;
  }

  get problem(): Outage | undefined {
    return this.#isMissing ? { note: 'changes-unconfirmed' } : undefined;
  }

  get refused(): RefusedChange | undefined {
    return this.#refused;
  }

  /** Call after each change: with its error, or with `undefined` once it is stored. */
  noteChange(error: unknown): void {
    if (error instanceof StoreOutage && isFullDiskOutage(error.outage)) {
      this.#refusedAt ??= systemClock.now();
      this.#refused = { outage: error.outage, sinceMs: this.#refused?.sinceMs ?? systemClock.wallTimeMs() };
    }
    if (error !== undefined || this.#refusedAt === undefined) return;
    const refusedMs = systemClock.now() - this.#refusedAt;
    this.#refused = undefined;
    this.#refusedAt = undefined;
    this.#onRefusalsEnd(refusedMs);
  }

  watchRefusals(onEnd: (refusedMs: number) => void): void {
    this.#onRefusalsEnd = onEnd;
  }

  watch(onChange: (problem: Outage | undefined) => void): void {
    this.#onChange = onChange;
  }

  /**
   * Call before each change.
   * @throws RackError `store-unavailable` while unconfirmed
   */
  check(): void {
    if (this.#isMissing) throw new StoreOutage({ note: 'change-not-made' });
  }

  createUnconfirmedError(): Unconfirmed {
    return new Unconfirmed({ note: 'change-unconfirmed' });
  }

  /** @throws Unconfirmed if the COMMIT waits for a missing standby */
  async confirm<T>(commit: Promise<T>): Promise<T> {
    const outcome = Promise.withResolvers<never>();
    const checkOutcome = async (): Promise<void> => {
      if (await this.isMissing()) outcome.reject(this.createUnconfirmedError());
    };
    const checkTimer = repeat(systemClock, ASK_MS, checkOutcome, CONFIRMED_MS_MAX);
    try {
      return await Promise.race([commit, outcome.promise]);
    } finally {
      checkTimer.cancel();
    }
  }

  /** While a transaction waits for a standby, every change is refused. */
  async isMissing(): Promise<boolean> {
    this.#currentCheck ??= this.#checkOnce().finally(() => {
      this.#currentCheck = undefined;
    });
    return await this.#currentCheck;
  }

  close(): void {
    this.#isClosed = true;
    this.#checkTimer?.cancel();
  }

  async #checkOnce(): Promise<boolean> {
    const wasMissing = this.#isMissing;
    this.#isMissing = (await this.#isCommitWaiting()) ?? wasMissing;
    if (this.#isMissing !== wasMissing) this.#onChange(this.problem);
    this.#checkTimer?.cancel();
    if (this.#isMissing && !this.#isClosed)
      this.#checkTimer = systemClock.schedule(ASK_MS, () => void this.isMissing());
    return this.#isMissing;
  }

  /**
   * Uses a connection of its own, because those of the pool may all be waiting.
   * @returns `undefined` if the database cannot be reached
   */
  async #isCommitWaiting(): Promise<boolean | undefined> {
    const client = new PostgresClient(createPoolConfig(this.#place));
    try {
      await client.connect();
      const { rows } = await client.query(WAITING_SQL);
      return rows.length > 0;
    } catch {
      return undefined;
    } finally {
      await endConnection(client);
    }
  }
}
