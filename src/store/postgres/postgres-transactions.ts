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
import { explainWhileRunning, isConnectionLost, isLockTimeout, isRepeatable, Unconfirmed } from './postgres-faults.ts';
import { PreparedForms } from './postgres-form.ts';
import { type Horizon, LOCK_SQL, readHorizon } from './postgres-horizon.ts';
import { queryAll } from './postgres-place.ts';
import { ALONE_SQL, beginWithVersion, TOGETHER_SQL } from './postgres-version.ts';

/** How long a transaction is repeated, in milliseconds: dozens of writers of one row take turns within it. */
const REPEATED_MS_MAX = 10_000;
/** The part of that time in which other transactions run too, in milliseconds. */
const TOGETHER_MS_MAX = 1000;
/**
 * The longest pause before the second run, in milliseconds. It grows by this each time, at most
 * PAUSES times.
 */
const PAUSE_MS_MAX = 20;
const PAUSE_STEPS_MAX = 10;
/** Lost connections per transaction before the database counts as unavailable. */
const LOST_CONNECTIONS_MAX = 4;
/** How often the outcome of a transaction is queried, and the pause between, in milliseconds. */
const OUTCOME_TRIES_MAX = 10;
const OUTCOME_PAUSE_MS = 500;

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

interface CompletedRun<T> {
  readonly result: T;
  readonly transaction: ConnectedTransaction;
}

class NotStoredError extends Error {}

class NotAloneError extends Error {}

export class PostgresTransactions implements RegionDriver {
  readonly #connections: PostgresConnections;
  readonly #confirmation: PostgresConfirmation;
  readonly #isDutyDriver: boolean;
  readonly #context = new TransactionContext<ConnectedTransaction>();
  readonly #forms = new PreparedForms();
  #horizon: Horizon = { number: 0, history: '' };

  /** @param isDutyDriver true if it writes only the row of the duties */
  constructor(connections: PostgresConnections, confirmation: PostgresConfirmation, isDutyDriver = false) {
    this.#connections = connections;
    this.#confirmation = confirmation;
    this.#isDutyDriver = isDutyDriver;
  }

  write<T>(operation: () => Steps<T>): Promise<T> {
    return this.transact(() => this.#runInside(this.#context.findTransaction(), operation));
  }

  async read<T>(operation: () => Steps<T>): Promise<T> {
    const currentTransaction = this.#context.findTransaction();
    if (currentTransaction !== undefined) return await this.#runInside(currentTransaction, operation);
    return await this.#repeat(() => this.#runRead(operation));
  }

  async transact<T>(work: () => Promise<T>): Promise<T> {
    const currentTransaction = this.#context.findTransaction();
    if (currentTransaction !== undefined) return await this.#context.join(currentTransaction, work);
    const { result, transaction } = await this.#noteOutcome(
      this.#repeat((isAlone) => this.#runAndCommit(work, isAlone)),
    );
    await this.#context.end(transaction);
    return result;
  }

  afterCommit(effect: Effect): Promise<void> {
    return this.#context.afterCommit(effect);
  }

  isInTransaction(): boolean {
    return this.#context.findTransaction() !== undefined;
  }

  close(): Promise<void> {
    this.#confirmation.close();
    return this.#connections.close();
  }

  /**
   * Reports the outcome. The row of the duties needs no room on a disk, so it says nothing of other
   * changes.
   */
  async #noteOutcome<T>(run: Promise<CompletedRun<T>>): Promise<CompletedRun<T>> {
    if (this.#isDutyDriver) return await run;
    try {
      const completedRun = await run;
      if (completedRun.transaction.hasWritten) this.#confirmation.noteChange(undefined);
      return completedRun;
    } catch (error) {
      this.#confirmation.noteChange(error);
      throw error;
    }
  }

  /** @throws RackError `store-unavailable`, `text-unstorable` */
  async #repeat<T>(work: (isAlone: boolean) => Promise<T>): Promise<T> {
    const startedAt = systemClock.now();
    const computePassedMs = (): number => systemClock.now() - startedAt;
    let losses = 0;
    let needsAlone = false;
    for (let tries = 1; ; tries += 1) {
      const isAlone = needsAlone || computePassedMs() > TOGETHER_MS_MAX;
      try {
        return await this.#context.exit(() => work(isAlone));
      } catch (error) {
        if (isConnectionLost(error)) losses += 1;
        needsAlone ||= error instanceof NotAloneError;
        const mayRepeat =
          error instanceof NotStoredError ||
          error instanceof NotAloneError ||
          isRepeatable(error, isAlone) ||
          isConnectionLost(error);
        // The lock may be that of a transaction whose COMMIT waits.
        if (isLockTimeout(error) && (await this.#confirmation.isMissing())) this.#confirmation.check();
        if (!mayRepeat || losses > LOST_CONNECTIONS_MAX || computePassedMs() > REPEATED_MS_MAX) {
          throw explainWhileRunning(error instanceof NotStoredError ? error.cause : error);
        }
        // It met no other transaction, so it need not let one finish.
        if (error instanceof NotAloneError) continue;
      }
      await pause(randomInt(PAUSE_MS_MAX) * Math.min(tries, PAUSE_STEPS_MAX));
    }
  }

  #runRead<T>(operation: () => Steps<T>): Promise<T> {
    return this.#connections.use(async (connection) => {
      const steps = operation();
      const firstStep = steps.next();
      // The horizon is read before the view of the data.
      const isSettled = firstStep.done !== true && isSettledNumber(firstStep.value);
      if (isSettled) this.#horizon = chooseLater(this.#horizon, await readHorizon(connection.client));
      const transaction = new ConnectedTransaction(connection, this.#horizon);
      this.#connections.checkVersion(await beginWithVersion(connection.client, [`${BEGIN} READ ONLY`]));
      const result = await this.#continue(transaction, steps, firstStep);
      await connection.client.query(COMMIT);
      return result;
    });
  }

  async #runAndCommit<T>(work: () => Promise<T>, isAlone: boolean): Promise<CompletedRun<T>> {
    const commitAttempt: { run?: CompletedRun<T>; mark?: CommitMark } = {};
    try {
      return await this.#connections.use(async (connection) => {
        const run = await this.#runUncommitted(connection, work, isAlone);
        if (!run.transaction.hasWritten) {
          await this.#confirmation.confirm(connection.client.query(COMMIT));
          return run;
        }
        this.#confirmation.check();
        const mark = connection.drawMark();
        commitAttempt.run = run;
        commitAttempt.mark = mark;
        await this.#confirmation.confirm(queryAll(connection.client, [...mark.statements, COMMIT]));
        connection.hasHistory ||= run.transaction.beginsHistory;
        return run;
      });
    } catch (error) {
      const { run, mark } = commitAttempt;
      if (run === undefined || mark === undefined || !isConnectionLost(error)) throw error;
      // The lost connection is released: if these held all of the pool, none would be left to ask.
      if (await this.#wasStored(mark, error)) return run;
      throw new NotStoredError('the transaction was not stored', { cause: error });
    }
  }

  async #runUncommitted<T>(
    connection: StoreConnection,
    work: () => Promise<T>,
    isAlone: boolean,
  ): Promise<CompletedRun<T>> {
    const transaction = new ConnectedTransaction(connection, this.#horizon, isAlone);
    try {
      const begin = [BEGIN, isAlone ? ALONE_SQL : TOGETHER_SQL, LOCK_SQL];
      this.#connections.checkVersion(await beginWithVersion(connection.client, begin));
      const result = await this.#context.run(transaction, work);
      if (transaction.failure !== undefined) throw transaction.failure.error;
      return { result, transaction };
    } finally {
      transaction.isOver = true;
    }
  }

  /** @throws RackError `store-unavailable` if the answer stays unknown */
  async #wasStored(mark: CommitMark, cause: unknown): Promise<boolean> {
    for (let tries = 0; tries < OUTCOME_TRIES_MAX; tries += 1) {
      if (this.#confirmation.problem !== undefined) throw this.#confirmation.createUnconfirmedError();
      try {
        return await this.#connections.use(async ({ client }) => {
          // Waits if the server does not know yet that the connection is lost, and keeps the
          // transaction from being stored later.
          const markQuery = client.query<{ transactions: number }>(
            'INSERT INTO commit_mark (connection, transactions) VALUES ($1, 0) ' +
              'ON CONFLICT (connection) DO UPDATE SET seen_at = now() RETURNING transactions',
            [mark.connection],
          );
          const { rows } = await this.#confirmation.confirm(markQuery);
          return (rows[0]?.transactions ?? 0) >= mark.transactions;
        });
      } catch (error) {
        if (error instanceof Unconfirmed) throw error;
        await pause(OUTCOME_PAUSE_MS);
      }
    }
    throw new StoreOutage({ note: 'change-unknown', said: errorText(cause) }, { cause });
  }

  async #runInside<T>(transaction: ConnectedTransaction | undefined, operation: () => Steps<T>): Promise<T> {
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
    firstStep: IteratorResult<Statement, T>,
  ): Promise<T> {
    let step = firstStep;
    while (step.done !== true) step = steps.next(await this.#answerStatement(transaction, step.value));
    return step.value;
  }

  async #answerStatement(transaction: ConnectedTransaction, statement: Statement): Promise<Answer> {
    if (isSettledNumber(statement)) return { row: { ...transaction.horizon }, rows: [], changes: 0 };
    if (statement === ALONE && !transaction.isAlone) throw new NotAloneError('the transaction must run alone');
    const { sql } = statement;
    if (sql === OWN_HISTORY.sql) {
      if (transaction.connection.hasHistory) return { row: undefined, rows: [], changes: 0 };
      transaction.beginsHistory = true;
    }
    const { name, text, writes } = this.#forms.prepare(sql);
    if (writes) this.#confirmation.check();
    transaction.hasWritten ||= writes;
    return await answerStatement(transaction.connection.client, statement, { name, text });
  }
}

/** @param query the statement in PostgreSQL's form */
export async function answerStatement(
  client: pg.ClientBase,
  { kind, values }: Statement,
  query: pg.QueryConfig,
): Promise<Answer> {
  const { rows, rowCount } = await client.query<Row>({ ...query, values: values.map(toDriverValue) });
  if (kind === 'one') return { row: rows[0], rows: [], changes: 0 };
  return { row: undefined, rows: kind === 'all' ? rows : [], changes: rowCount ?? 0 };
}

/** The higher horizon if both are of one history, otherwise `second`. */
const chooseLater = (first: Horizon, second: Horizon): Horizon =>
  first.history === second.history && first.number > second.number ? first : second;

/** The driver takes only a Buffer. */
const toDriverValue = (value: Value): unknown =>
  value instanceof Uint8Array && !Buffer.isBuffer(value) ? Buffer.from(value) : value;
