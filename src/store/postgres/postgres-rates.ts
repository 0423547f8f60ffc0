// Rate limits that all processes of a region share, in PostgreSQL and by the database's clock.
//
//   take, take … ──▶ waiting ──▶ batch: the first take of each name ──one transaction──▶ answered
//
// Sources: ITU-T I.371 Annex A (GCRA, in its form of a virtual schedule); postgresql.org/docs/15/transaction-iso.html (READ COMMITTED).
//
// 1. A rate is stored as one number: when its bucket will be full again. Each permission moves that time by the refill time of one permission. A
//    full bucket needs no row.
// 2. Strangers cause these requests, so they must not slow down the rest of the store: they have a connection of their own, with one transaction
//    at a time. It locks its rows in the order of their names, so that transactions of two processes can wait for each other but never
//    fail.
// 3. The table is UNLOGGED: after a crash of the database all buckets are full. If the database's clock is set back, a bucket is at worst empty.
// 4. Takes wait in a bounded queue. Beyond TAKES_MAX they are refused as if the rate were exceeded. No take waits longer than ANSWER_MS_MAX.
// 5. A transaction that finds tables of another version ends before its first statement (`postgres-version.ts`).
// 6. The connection to a silent server is given up at once, without waiting for its end. The next take opens another one.

import type pg from 'pg';
import { systemClock } from '../../clock.ts';
import type { Rate } from '../../rate-limit.ts';
import type { RateStore } from '../../region/records/rate-store.ts';
import { StoreOutage } from '../../region/reports/notes.ts';
import { endConnection, PostgresClient } from './postgres-client.ts';
import { explainWhileRunning } from './postgres-faults.ts';
import { connectionOf, type PostgresPlace } from './postgres-place.ts';
import { beginWithVersion, versionProblem } from './postgres-version.ts';
import type { PostgresWatch } from './postgres-watch.ts';

/** Takes that wait, of all callers together. */
const TAKES_MAX = 2000;
/** Names of one transaction. */
const BATCH_MAX = 200;
/** How long a statement may take, in milliseconds; then its callers are told that the store is unavailable. */
const STATEMENT_MS_MAX = 3000;
/** How long a caller waits, in milliseconds, whatever others ask for. */
const ANSWER_MS_MAX = 5000;
/** How often full buckets are removed, in milliseconds, and how many at a time. */
const CLEAN_MS = 5000;
const CLEANED_MAX = 5000;

const NOW = 'extract(epoch FROM statement_timestamp()) * 1000';
/** When the bucket is full again if nothing is taken. A time beyond that of an empty bucket means that the clock was set back. */
const FULL = `greatest(least(rate.full_ms, ${NOW} + asked.room), ${NOW})`;
/** Inserts missing rows, and locks all of them. */
const LOCK_SQL =
  'INSERT INTO rate AS known (name, full_ms) SELECT name, 0 FROM unnest($1::text[]) AS asked (name) ORDER BY name ' +
  'ON CONFLICT (name) DO UPDATE SET full_ms = known.full_ms';
const TAKE_SQL =
  'UPDATE rate SET full_ms = found.full_ms + CASE WHEN found.is_taken THEN found.refill ELSE 0 END FROM ' +
  `(SELECT name, asked.refill, ${FULL} AS full_ms, ${FULL} + asked.refill - ${NOW} <= asked.room AS is_taken ` +
  'FROM rate JOIN unnest($1::text[], $2::float8[], $3::float8[]) AS asked (name, refill, room) USING (name)) AS found ' +
  'WHERE rate.name = found.name RETURNING rate.name, found.is_taken';
const GIVE_BACK_SQL = 'UPDATE rate SET full_ms = full_ms - $2 WHERE name = $1';
const CLEAN_SQL =
  `DELETE FROM rate WHERE name IN (SELECT name FROM rate WHERE full_ms < ${NOW} ORDER BY full_ms LIMIT ${CLEANED_MAX} ` +
  'FOR UPDATE SKIP LOCKED)';

interface Take {
  readonly name: string;
  readonly rate: Rate;
  readonly resolve: (isTaken: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** The time in which one permission is refilled, in milliseconds. */
const refillMs = ({ perSecond }: Rate): number => 1000 / perSecond;

export class PostgresRates implements RateStore {
  readonly #place: PostgresPlace;
  readonly #watch: PostgresWatch;
  #client: Promise<pg.Client> | undefined;
  readonly #waiting = new Set<Take>();
  /** The transactions and statements of this connection, one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #isRunning = false;
  #cleanedAt = systemClock.now();
  #isClosed = false;

  constructor(place: PostgresPlace, watch: PostgresWatch) {
    this.#place = place;
    this.#watch = watch;
    // After a network outage, a connection can look open although nothing arrives on it.
    watch.onSilent(() => void this.#giveUp());
  }

  take(name: string, rate: Rate): Promise<boolean> {
    if (this.#waiting.size >= TAKES_MAX) return Promise.resolve(false);
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const take = { name, rate, resolve, reject };
    this.#waiting.add(take);
    void this.#run();
    return inTime(promise, () => this.#waiting.delete(take));
  }

  giveBack(name: string, rate: Rate): Promise<void> {
    return inTime(
      this.#alone(async (client) => {
        await begin(client);
        await client.query(GIVE_BACK_SQL, [name, refillMs(rate)]);
        await client.query('COMMIT');
      }),
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#giveUp();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#waiting.size > 0) {
      const batch = this.#nextBatch();
      try {
        const taken = await this.#alone((client) => takeAll(client, [...batch.values()]));
        for (const { name, resolve } of batch.values()) resolve(taken.has(name));
      } catch (error) {
        for (const { reject } of batch.values()) reject(error);
      }
      await this.#clean();
    }
    this.#isRunning = false;
  }

  /** The first take of each name; a further take of the same name must see its effect. */
  #nextBatch(): ReadonlyMap<string, Take> {
    const batch = new Map<string, Take>();
    for (const take of this.#waiting) {
      if (batch.size >= BATCH_MAX) break;
      if (!batch.has(take.name)) batch.set(take.name, take);
    }
    for (const take of batch.values()) this.#waiting.delete(take);
    return batch;
  }

  /** Removes full buckets. They harm nobody, so a failure may wait for the next time. */
  async #clean(): Promise<void> {
    const now = systemClock.now();
    if (now - this.#cleanedAt < CLEAN_MS) return;
    this.#cleanedAt = now;
    await this.#alone(async (client) => {
      await begin(client);
      await client.query(CLEAN_SQL);
      await client.query('COMMIT');
    }).catch(() => undefined);
  }

  /** Runs work when the connection is free. @throws RackError `store-unavailable` */
  #alone<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const result = this.#last.then(() => this.#withClient(work));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #withClient<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    this.#client ??= this.#open();
    const client = this.#client;
    try {
      return await this.#watch.unlessSilent(async () => work(await client));
    } catch (error) {
      if (this.#client === client) void this.#giveUp();
      throw explainWhileRunning(error);
    }
  }

  /** Opens a connection that is forgotten when the server ends it, so that the next take opens another. */
  #open(): Promise<pg.Client> {
    const opened = this.#connect();
    const forget = (): void => {
      if (this.#client === opened) this.#client = undefined;
    };
    opened.then(
      (client) => client.once('end', forget),
      () => undefined,
    );
    return opened;
  }

  async #connect(): Promise<pg.Client> {
    if (this.#isClosed) throw new Error('the rates are closed');
    const bounds = {
      connectionTimeoutMillis: STATEMENT_MS_MAX,
      statement_timeout: STATEMENT_MS_MAX,
      query_timeout: STATEMENT_MS_MAX,
    };
    const client = new PostgresClient({ ...connectionOf(this.#place), ...bounds });
    try {
      await client.connect();
    } catch (error) {
      void endConnection(client);
      throw error;
    }
    return client;
  }

  async #giveUp(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.then(endConnection, () => undefined);
  }
}

/** @throws StoreOutage after ANSWER_MS_MAX, and the errors of `work` */
async function inTime<T>(work: Promise<T>, onLate: () => void = () => undefined): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = systemClock.schedule(ANSWER_MS_MAX, () => {
    onLate();
    late.reject(new StoreOutage({ note: 'database-silent', seconds: ANSWER_MS_MAX / 1000 }));
  });
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    timer.cancel();
  }
}

/** Begins a transaction. @throws StoreOutage if the tables have another version: a newer process may count in another form */
async function begin(client: pg.Client): Promise<void> {
  const problem = versionProblem(await beginWithVersion(client, ['BEGIN']));
  if (problem !== undefined) throw new StoreOutage(problem);
}

/** @returns the names of which one permission was taken */
async function takeAll(client: pg.Client, takes: readonly Take[]): Promise<ReadonlySet<string>> {
  const names = takes.map(({ name }) => name);
  const refills = takes.map(({ rate }) => refillMs(rate));
  const rooms = takes.map(({ rate }) => rate.burst * refillMs(rate));
  await begin(client);
  await client.query(LOCK_SQL, [names]);
  const { rows } = await client.query<{ readonly name: string; readonly is_taken: boolean }>(TAKE_SQL, [
    names,
    refills,
    rooms,
  ]);
  await client.query('COMMIT');
  return new Set(rows.flatMap(({ name, is_taken: isTaken }) => (isTaken ? [name] : [])));
}
