// Runs operations (`steps.ts`) on PostgreSQL in transactions.
//
//   write, transact   BEGIN, lock ─ statements ─ mark, COMMIT ─ effects
//   read              BEGIN ─ statements ─ COMMIT
//
// Sources: postgresql.org/docs/15/transaction-iso.html (13.2.2 repeatable read),
// /explicit-locking.html, /sql-lock.html, /protocol-flow.html (53.2.2.1).
//
// 1. Isolation is REPEATABLE READ: an operation sees one state, and runs again if another has
//    changed a row since. Unique keys and counters make incompatible transactions conflict.
// 2. A transaction that the database asks to repeat runs again, for at most REPEATED_MS_MAX; so
//    does one whose connection was lost before its COMMIT, or has prepared statements that no
//    longer fit.
// 3. After TOGETHER_MS_MAX of failed runs a transaction runs alone, so that small changes do not
//    starve a large one: every writing transaction shares a lock on a table, which this one takes
//    exclusively before its view of the data. So does one with a statement `ALONE`, from its second
//    run on. A key or a reference that is broken alone stays so: it does not run again.
// 4. If the connection is lost during COMMIT, its mark shows whether the transaction was stored,
//    even after a crash or on a standby that takes over. Until then the transaction neither runs
//    again nor is said to have failed; meanwhile it holds no connection, so that a pool that lost
//    all recovers.
// 5. While its COMMIT is unconfirmed (`postgres-confirmation.ts`), its result stays unknown and it
//    is not repeated.
// 6. A transaction that changes nothing leaves no mark.
// 7. A transaction that finds tables of another version ends before its first statement
//    (`postgres-version.ts`).

import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { systemClock } from '../../ground/clock.ts';
import { errorText } from '../../ground/errors.ts';
import { StoreOutage } from '../../region/reports/notes.ts';
import { type Effect, OpenTransaction, TransactionContext } from '../open-transaction.ts';
import type { RegionDriver } from '../region/region-driver.ts';
import type { Row } from '../rows.ts';
import { ALONE, type Answer, isSettledNumber, OWN_HISTORY, type Statement, type Steps, type Value } from '../steps.ts';
import type { PostgresConfirmation } from './postgres-confirmation.ts';
import type { CommitMark, PostgresConnections, StoreConnection } from './postgres-connections.ts';
import { explainWhileRunning, isLockTimeout, isLost, isRepeatable, Unconfirmed } from './postgres-faults.ts';
import { PreparedForms } from './postgres-form.ts';
import { type Horizon, LOCK_SQL, readHorizon } from './postgres-horizon.ts';
import { answersTo } from './postgres-place.ts';
import { ALONE_SQL, beginWithVersion, TOGETHER_SQL } from './postgres-version.ts';

/** How long a transaction is repeated, in milliseconds: dozens of writers of one row take turns within it. */
const REPEATED_MS_MAX = 10_000;
/** The part of it in which other transactions run too, in milliseconds. */
const TOGETHER_MS_MAX = 1000;
/**
 * The longest pause before the second run, in milliseconds. It grows by this each time, at most
 * PAUSES times.
 */
const PAUSE_MS_MAX = 20;
const PAUSES = 10;
/** Lost connections per transaction before the database counts as unavailable. */
const LOSSES_MAX = 4;
/** How often the outcome of a transaction is queried, and the pause between, in milliseconds. */
const ASKS_MAX = 10;
const ASK_PAUSE_MS = 500;

const BEGIN = 'BEGIN ISOLATION LEVEL REPEATABLE READ';
const COMMIT = 'COMMIT';

class ConnectedTransaction extends OpenTransaction {
  readonly connection: StoreConnection;
  /** All changes up to it were visible before the transaction began. */
  readonly horizon: Horizon;
  readonly isAlone: boolean;
  hasWritten = false;
  beginsHistory = false;

  constructor(connection: StoreConnection, horizon: Horizon, isAlone = false) {
    super();
    this.connection = connection;
    this.horizon = horizon;
    this.isAlone = isAlone;
  }
}

interface Run<T> {
  readonly result: T;
  readonly transaction: ConnectedTransaction;
}

class NotStored extends Error {}

class NotAlone extends Error {}

export class PostgresTransactions implements RegionDriver {
  readonly #connections: PostgresConnections;
  readonly #confirmation: PostgresConfirmation;
  readonly #isOfDuties: boolean;
  readonly #context = new TransactionContext<ConnectedTransaction>();
  readonly #forms = new PreparedForms();
  #horizon: Horizon = { number: 0, history: '' };

  /** @param isOfDuties true if it writes only the row of the duties */
  constructor(connections: PostgresConnections, confirmation: PostgresConfirmation, isOfDuties = false) {
    this.#connections = connections;
    this.#confirmation = confirmation;
    this.#isOfDuties = isOfDuties;
  }

  write<T>(operation: () => Steps<T>): Promise<T> {
    return this.transact(() => this.#inside(this.#context.within(), operation));
  }

  async read<T>(operation: () => Steps<T>): Promise<T> {
    const within = this.#context.within();
    if (within !== undefined) return await this.#inside(within, operation);
    return await this.#repeated(() => this.#readOnce(operation));
  }

  async transact<T>(work: () => Promise<T>): Promise<T> {
    const within = this.#context.within();
    if (within !== undefined) return await this.#context.join(within, work);
    const { result, transaction } = await this.#noted(this.#repeated((isAlone) => this.#once(work, isAlone)));
    await this.#context.end(transaction);
    return result;
  }

  afterCommit(effect: Effect): Promise<void> {
    return this.#context.afterCommit(effect);
  }

  isInTransaction(): boolean {
    return this.#context.within() !== undefined;
  }

  close(): Promise<void> {
    this.#confirmation.close();
    return this.#connections.close();
  }

  /** The row of the duties needs no room on a disk, so it says nothing of other changes. */
  async #noted<T>(run: Promise<Run<T>>): Promise<Run<T>> {
    if (this.#isOfDuties) return await run;
    try {
      const done = await run;
      if (done.transaction.hasWritten) this.#confirmation.noteChange(undefined);
      return done;
    } catch (error) {
      this.#confirmation.noteChange(error);
      throw error;
    }
  }

  /** @throws RackError `store-unavailable`, `text-unstorable` */
  async #repeated<T>(work: (isAlone: boolean) => Promise<T>): Promise<T> {
    const begunAt = systemClock.now();
    const passedMs = (): number => systemClock.now() - begunAt;
    let losses = 0;
    let needsAlone = false;
    for (let tries = 1; ; tries += 1) {
      const isAlone = needsAlone || passedMs() > TOGETHER_MS_MAX;
      try {
        return await this.#context.exit(() => work(isAlone));
      } catch (error) {
        if (isLost(error)) losses += 1;
        needsAlone ||= error instanceof NotAlone;
        const mayRepeat =
          error instanceof NotStored || error instanceof NotAlone || isRepeatable(error, isAlone) || isLost(error);
        // The lock may be that of a transaction whose COMMIT waits.
        if (isLockTimeout(error) && (await this.#confirmation.isMissing())) this.#confirmation.check();
        if (!mayRepeat || losses > LOSSES_MAX || passedMs() > REPEATED_MS_MAX) {
          throw explainWhileRunning(error instanceof NotStored ? error.cause : error);
        }
        // It met no other transaction, so it need not let one finish.
        if (error instanceof NotAlone) continue;
      }
      await pause(randomInt(PAUSE_MS_MAX) * Math.min(tries, PAUSES));
    }
  }

  #readOnce<T>(operation: () => Steps<T>): Promise<T> {
    return this.#connections.use(async (connection) => {
      const steps = operation();
      const first = steps.next();
      // The horizon is read before the view of the data.
      const isSettled = first.done !== true && isSettledNumber(first.value);
      if (isSettled) this.#horizon = later(this.#horizon, await readHorizon(connection.client));
      const transaction = new ConnectedTransaction(connection, this.#horizon);
      this.#connections.see(await beginWithVersion(connection.client, [`${BEGIN} READ ONLY`]));
      const result = await this.#continue(transaction, steps, first);
      await connection.client.query(COMMIT);
      return result;
    });
  }

  async #once<T>(work: () => Promise<T>, isAlone: boolean): Promise<Run<T>> {
    const atCommit: { run?: Run<T>; mark?: CommitMark } = {};
    try {
      return await this.#connections.use(async (connection) => {
        const run = await this.#run(connection, work, isAlone);
        if (!run.transaction.hasWritten) {
          await this.#confirmation.of(connection.client.query(COMMIT));
          return run;
        }
        this.#confirmation.check();
        const mark = connection.nextMark();
        atCommit.run = run;
        atCommit.mark = mark;
        await this.#confirmation.of(answersTo(connection.client, [...mark.statements, COMMIT]));
        connection.hasHistory ||= run.transaction.beginsHistory;
        return run;
      });
    } catch (error) {
      const { run, mark } = atCommit;
      if (run === undefined || mark === undefined || !isLost(error)) throw error;
      // The lost connection is released: if these held all of the pool, none would be left to ask.
      if (await this.#wasStored(mark, error)) return run;
      throw new NotStored('the transaction was not stored', { cause: error });
    }
  }

  async #run<T>(connection: StoreConnection, work: () => Promise<T>, isAlone: boolean): Promise<Run<T>> {
    const transaction = new ConnectedTransaction(connection, this.#horizon, isAlone);
    try {
      const begin = [BEGIN, isAlone ? ALONE_SQL : TOGETHER_SQL, LOCK_SQL];
      this.#connections.see(await beginWithVersion(connection.client, begin));
      const result = await this.#context.run(transaction, work);
      if (transaction.failure !== undefined) throw transaction.failure.error;
      return { result, transaction };
    } finally {
      transaction.isOver = true;
    }
  }

  /** @throws RackError `store-unavailable` if that stays unknown */
  async #wasStored(mark: CommitMark, cause: unknown): Promise<boolean> {
    for (let asks = 0; asks < ASKS_MAX; asks += 1) {
      if (this.#confirmation.problem !== undefined) throw this.#confirmation.unknown();
      try {
        return await this.#connections.use(async ({ client }) => {
          // Waits if the server does not know yet that the connection is lost, and keeps the
          // transaction from being stored later.
          const marked = client.query<{ transactions: number }>(
            'INSERT INTO commit_mark (connection, transactions) VALUES ($1, 0) ' +
              'ON CONFLICT (connection) DO UPDATE SET seen_at = now() RETURNING transactions',
            [mark.connection],
          );
          const { rows } = await this.#confirmation.of(marked);
          return (rows[0]?.transactions ?? 0) >= mark.transactions;
        });
      } catch (error) {
        if (error instanceof Unconfirmed) throw error;
        await pause(ASK_PAUSE_MS);
      }
    }
    throw new StoreOutage({ note: 'change-unknown', said: errorText(cause) }, { cause });
  }

  async #inside<T>(transaction: ConnectedTransaction | undefined, operation: () => Steps<T>): Promise<T> {
    if (transaction === undefined) throw new Error('a write has no transaction');
    if (transaction.failure !== undefined) throw transaction.failure.error;
    try {
      const steps = operation();
      return await this.#continue(transaction, steps, steps.next());
    } catch (error) {
      transaction.failure ??= { error };
      throw error;
    }
  }

  async #continue<T>(
    transaction: ConnectedTransaction,
    steps: Steps<T>,
    first: IteratorResult<Statement, T>,
  ): Promise<T> {
    let step = first;
    while (step.done !== true) step = steps.next(await this.#answer(transaction, step.value));
    return step.value;
  }

  async #answer(transaction: ConnectedTransaction, statement: Statement): Promise<Answer> {
    if (isSettledNumber(statement)) return { row: { ...transaction.horizon }, rows: [], changes: 0 };
    if (statement === ALONE && !transaction.isAlone) throw new NotAlone('the transaction must run alone');
    const { sql } = statement;
    if (sql === OWN_HISTORY.sql) {
      if (transaction.connection.hasHistory) return { row: undefined, rows: [], changes: 0 };
      transaction.beginsHistory = true;
    }
    const { name, text, writes } = this.#forms.of(sql);
    if (writes) this.#confirmation.check();
    transaction.hasWritten ||= writes;
    return await answerTo(transaction.connection.client, statement, { name, text });
  }
}

/** @param query the statement in PostgreSQL's form */
export async function answerTo(
  client: pg.ClientBase,
  { kind, values }: Statement,
  query: pg.QueryConfig,
): Promise<Answer> {
  const { rows, rowCount } = await client.query<Row>({ ...query, values: values.map(toPostgres) });
  if (kind === 'one') return { row: rows[0], rows: [], changes: 0 };
  return { row: undefined, rows: kind === 'all' ? rows : [], changes: rowCount ?? 0 };
}

/** The higher one, if both are of one history; otherwise `other`. */
const later = (first: Horizon, second: Horizon): Horizon =>
  first.history === second.history && first.number > second.number ? first : second;

/** The driver takes only a Buffer. */
const toPostgres = (value: Value): unknown =>
  value instanceof Uint8Array && !Buffer.isBuffer(value) ? Buffer.from(value) : value;
