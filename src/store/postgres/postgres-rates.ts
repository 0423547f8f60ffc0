// Rate limits that all processes of a region share, by the database's clock.
//
//   take, take … ──▶ waiting ──▶ batch: the first take of each name ──one transaction──▶ answered
//
// Sources: ITU-T I.371 Annex A (GCRA, in its form of a virtual schedule);
// postgresql.org/docs/15/transaction-iso.html (READ COMMITTED).
//
// 1. A rate is one number: when its bucket will be full again. Each permission moves it by its
//    refill time; a full bucket needs no row.
// 2. Strangers cause these requests, so they have their own connection, with one transaction at a
//    time, which locks rows by name: transactions of two processes wait for each other but never
//    fail.
// 3. The table is UNLOGGED: after a crash of the database all buckets are full. A clock set back
//    empties a bucket at worst.
// 4. Beyond TAKES_MAX waiting takes are refused as if the rate were exceeded; none waits longer
//    than ANSWER_MS_MAX.
// 5. A transaction that finds tables of another version ends before its first statement
//    (`postgres-version.ts`).
// 6. The connection to a silent server is given up at once.

import type pg from 'pg';
import { systemClock, withTimeout } from '../../ground/clock.ts';
import type { Rate } from '../../ground/rate-limit.ts';
import type { RateStore } from '../../region/records/rate-store.ts';
import { StoreOutage } from '../../region/reports/notes.ts';
import { PostgresConnections } from './postgres-connections.ts';
import { explainWhileRunning } from './postgres-faults.ts';
import type { PostgresPlace } from './postgres-place.ts';
import { beginWithVersion } from './postgres-version.ts';
import type { PostgresWatch } from './postgres-watch.ts';

/** Takes that wait, of all callers together. */
const TAKES_MAX = 2000;
const BATCH_MAX = 200;
/** How long a statement may take, in milliseconds. */
const STATEMENT_MS_MAX = 3000;
const TIMEOUTS = {
  connectionTimeoutMillis: STATEMENT_MS_MAX,
  statement_timeout: STATEMENT_MS_MAX,
  query_timeout: STATEMENT_MS_MAX,
};
/** How long a caller waits, in milliseconds. */
const ANSWER_MS_MAX = 5000;
/** How often full buckets are removed, in milliseconds, and how many. */
const CLEAN_MS = 5000;
const CLEANED_MAX = 5000;

const NOW_SQL = 'extract(epoch FROM statement_timestamp()) * 1000';
/**
 * When the bucket is full again if nothing is taken. More than an empty bucket's time: the clock
 * was set back.
 */
const FULL_TIME_SQL = `greatest(least(rate.full_ms, ${NOW_SQL} + asked.room), ${NOW_SQL})`;
const LOCK_SQL =
  'INSERT INTO rate AS known (name, full_ms) SELECT name, 0 FROM unnest($1::text[]) AS asked (name) ORDER BY name ' +
  'ON CONFLICT (name) DO UPDATE SET full_ms = known.full_ms';
const TAKE_SQL =
  'UPDATE rate SET full_ms = found.full_ms + CASE WHEN found.is_taken THEN found.refill ELSE 0 END FROM ' +
  `(SELECT name, asked.refill, ${FULL_TIME_SQL} AS full_ms, ${FULL_TIME_SQL} + asked.refill - ${NOW_SQL} <= asked.room AS is_taken ` +
  'FROM rate JOIN unnest($1::text[], $2::float8[], $3::float8[]) AS asked (name, refill, room) USING (name)) AS found ' +
  'WHERE rate.name = found.name RETURNING rate.name, found.is_taken';
const GIVE_BACK_SQL = 'UPDATE rate SET full_ms = full_ms - $2 WHERE name = $1';
const CLEAN_SQL =
  `DELETE FROM rate WHERE name IN (SELECT name FROM rate WHERE full_ms < ${NOW_SQL} ORDER BY full_ms LIMIT ${CLEANED_MAX} ` +
  'FOR UPDATE SKIP LOCKED)';

interface Take {
  readonly name: string;
  readonly rate: Rate;
  readonly resolve: (isTaken: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** The time that refills one permission, in milliseconds. */
const computeRefillMs = ({ perSecond }: Rate): number => 1000 / perSecond;

export class PostgresRates implements RateStore {
  readonly #connections: PostgresConnections;
  readonly #waitingTakes = new Set<Take>();
  #isRunning = false;
  #cleanedAt = systemClock.now();

  constructor(place: PostgresPlace, watch: PostgresWatch) {
    this.#connections = new PostgresConnections({ ...place, pool: 1 }, 'region', watch, TIMEOUTS);
  }

  take(name: string, rate: Rate): Promise<boolean> {
    if (this.#waitingTakes.size >= TAKES_MAX) return Promise.resolve(false);
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const take = { name, rate, resolve, reject };
    this.#waitingTakes.add(take);
    void this.#runBatches();
    return answerInTime(promise, () => this.#waitingTakes.delete(take));
  }

  async giveBack(name: string, rate: Rate): Promise<void> {
    await answerInTime(this.#transact((client) => client.query(GIVE_BACK_SQL, [name, computeRefillMs(rate)])));
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  async #runBatches(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#waitingTakes.size > 0) {
      const batch = this.#collectBatch();
      try {
        const takenNames = await this.#transact((client) => takePermissions(client, [...batch.values()]));
        for (const { name, resolve } of batch.values()) resolve(takenNames.has(name));
      } catch (error) {
        for (const { reject } of batch.values()) reject(error);
      }
      await this.#removeFullBuckets();
    }
    this.#isRunning = false;
  }

  /** Contains one take of each name, because the next must see its effect. */
  #collectBatch(): ReadonlyMap<string, Take> {
    const batch = new Map<string, Take>();
    for (const take of this.#waitingTakes) {
      if (batch.size >= BATCH_MAX) break;
      if (!batch.has(take.name)) batch.set(take.name, take);
    }
    for (const take of batch.values()) this.#waitingTakes.delete(take);
    return batch;
  }

  /** A failure is ignored, because full buckets harm nobody. */
  async #removeFullBuckets(): Promise<void> {
    const now = systemClock.now();
    if (now - this.#cleanedAt < CLEAN_MS) return;
    this.#cleanedAt = now;
    await this.#transact((client) => client.query(CLEAN_SQL)).catch(() => undefined);
  }

  /**
   * Runs one transaction at a time. Checks the version, because a newer process may count in
   * another form.
   */
  async #transact<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    try {
      return await this.#connections.use(async ({ client }) => {
        this.#connections.checkVersion(await beginWithVersion(client, ['BEGIN']));
        const result = await work(client);
        await client.query('COMMIT');
        return result;
      });
    } catch (error) {
      throw explainWhileRunning(error);
    }
  }
}

/** @throws StoreOutage after ANSWER_MS_MAX */
const answerInTime = <T>(work: Promise<T>, onLate: () => void = () => undefined): Promise<T> =>
  withTimeout(systemClock, ANSWER_MS_MAX, work, (): never => {
    onLate();
    throw new StoreOutage({ note: 'database-silent', seconds: ANSWER_MS_MAX / 1000 });
  });

async function takePermissions(client: pg.ClientBase, takes: readonly Take[]): Promise<ReadonlySet<string>> {
  const names = takes.map(({ name }) => name);
  const refills = takes.map(({ rate }) => computeRefillMs(rate));
  const capacities = takes.map(({ rate }) => rate.burst * computeRefillMs(rate));
  await client.query(LOCK_SQL, [names]);
  const { rows } = await client.query<{ readonly name: string; readonly is_taken: boolean }>(TAKE_SQL, [
    names,
    refills,
    capacities,
  ]);
  return new Set(rows.flatMap(({ name, is_taken: isTaken }) => (isTaken ? [name] : [])));
}
