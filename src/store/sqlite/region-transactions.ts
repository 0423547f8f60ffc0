// Runs operations (`steps.ts`) on region.db in transactions, and gives SQLite's errors their meaning.
//
//   write     BEGIN ─ statements ─ COMMIT, in one turn of the event loop
//   transact  BEGIN ─ its methods, found by the asynchronous context ─ COMMIT ─ effects; others wait, because there is only one connection
//
// Sources: sqlite.org/lang_transaction.html (IMMEDIATE), /rescode.html.
//
// 1. A writing transaction begins IMMEDIATE, so that two processes never interleave.
// 2. A method that fails within `transact` dooms it, even if its caller continues.
// 3. A failed write leaves nothing behind. SQLite may have rolled back already (`isTransaction`).
// 4. `transact` waits only for this database, so it ends before the event loop turns. One still
//    open then is doomed: it would keep everyone waiting.
// 5. Bytes of users leave SPARE_BYTES of the disk free: leases are often on it, and any user could fill it.

import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { newUuid, systemClock } from '../../ground/clock.ts';
import { mebibytes } from '../../ground/counted.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import { StoreOutage } from '../../region/reports/notes.ts';
import { BROKEN_CODES, readFreeBytes, readSqliteCode, SQLITE_FULL } from '../database-file.ts';
import { type Effect, OpenTransaction, TransactionContext } from '../open-transaction.ts';
import type { RegionDriver } from '../region/region-driver.ts';
import { type Row, Statements } from '../rows.ts';
import { type Answer, answerStatementOn, OWN_HISTORY, runSteps, type Statement, type Steps } from '../steps.ts';
import { MachineStamps } from './machine-stamps.ts';

/** Conditions that may pass: busy, locked, out of memory, read-only, I/O error, full, cannot open. */
const PASSING_CODES: ReadonlySet<number> = new Set([5, 6, 7, 8, 10, 13, 14]);

/** Room that users' files and data leave on the disk: several times that of leases (`leases/ballast.ts`). */
export const SPARE_BYTES = 64 * 1024 * 1024;

class WaitedTransaction extends OpenTransaction {
  readonly whenEnded: Promise<void>;
  #resolveEnded: () => void = () => undefined;

  constructor() {
    super();
    this.whenEnded = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  end(): void {
    this.isOver = true;
    this.#resolveEnded();
  }
}

export class Transactions implements RegionDriver {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #statements: Statements;
  readonly #stamps: MachineStamps;
  /** The number of changes of machines before the open transaction. */
  #changesBefore = 0;
  readonly #context = new TransactionContext<WaitedTransaction>();
  #openTransaction: WaitedTransaction | undefined;
  readonly #historyName = newUuid();
  /** Whether its history has begun in the event log, and is stored. */
  #history: 'none' | 'begun' | 'stored' = 'none';

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
    this.#statements = new Statements(database);
    this.#stamps = new MachineStamps(database);
  }

  async write<T>(operation: () => Steps<T>): Promise<T> {
    const currentTransaction = this.#context.findTransaction();
    if (currentTransaction !== undefined) return this.#runInside(currentTransaction, operation);
    while (this.#openTransaction !== undefined) await this.#openTransaction.whenEnded;
    try {
      this.#begin();
      const result = this.#runSteps(operation());
      this.#commit();
      return result;
    } catch (error) {
      this.#rollBack();
      throw this.#explainError(error);
    }
  }

  async read<T>(operation: () => Steps<T>): Promise<T> {
    const currentTransaction = this.#context.findTransaction();
    if (currentTransaction !== undefined) return this.#runInside(currentTransaction, operation);
    while (this.#openTransaction !== undefined) await this.#openTransaction.whenEnded;
    try {
      return this.#runSteps(operation());
    } catch (error) {
      throw this.#explainError(error);
    }
  }

  async transact<T>(work: () => Promise<T>): Promise<T> {
    const currentTransaction = this.#context.findTransaction();
    if (currentTransaction !== undefined) return this.#context.join(currentTransaction, work);
    while (this.#openTransaction !== undefined) await this.#openTransaction.whenEnded;
    const transaction = new WaitedTransaction();
    const result = await this.#runWithin(transaction, work);
    await this.#context.end(transaction);
    return result;
  }

  async #runWithin<T>(transaction: WaitedTransaction, work: () => Promise<T>): Promise<T> {
    const turnWatch = setImmediate(() => {
      transaction.failure ??= { error: new Error('a transaction waited for something other than its database') };
    });
    try {
      this.#begin();
      this.#openTransaction = transaction;
      const result = await this.#context.run(transaction, work);
      if (transaction.failure !== undefined) throw transaction.failure.error;
      this.#commit();
      return result;
    } catch (error) {
      this.#rollBack();
      throw this.#explainError(error);
    } finally {
      clearImmediate(turnWatch);
      this.#openTransaction = undefined;
      transaction.end();
    }
  }

  afterCommit(effect: Effect): Promise<void> {
    return this.#context.afterCommit(effect);
  }

  isInTransaction(): boolean {
    return this.#context.findTransaction() !== undefined;
  }

  async close(): Promise<void> {
    while (this.#openTransaction !== undefined) await this.#openTransaction.whenEnded;
    this.#database.close();
  }

  #runInside<T>(transaction: WaitedTransaction, operation: () => Steps<T>): T {
    if (transaction.failure !== undefined) throw transaction.failure.error;
    try {
      return this.#runSteps(operation());
    } catch (error) {
      transaction.failure = { error };
      throw this.#explainError(error);
    }
  }

  #begin(): void {
    this.#changesBefore = this.#stamps.changes;
    this.#database.exec('BEGIN IMMEDIATE');
  }

  #commit(): void {
    this.#database.exec('COMMIT');
    if (this.#history === 'begun') this.#history = 'stored';
  }

  #rollBack(): void {
    if (this.#history === 'begun') this.#history = 'none';
    // A trial that changes no machine must not spoil the next list.
    if (this.#stamps.changes !== this.#changesBefore) this.#stamps.changeAll();
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
  }

  #runSteps<T>(steps: Steps<T>): T {
    return runSteps(steps, (statement) => this.#answerStatement(statement));
  }

  #answerStatement(statement: Statement): Answer {
    const { sql, needsSpace: isSpaceNeeded } = statement;
    if (isSpaceNeeded === true && readFreeBytes(dirname(this.#path)) < SPARE_BYTES)
      throw new StoreOutage({ note: 'file-full', file: this.#path, said: `less than ${mebibytes(SPARE_BYTES)} free` });
    if (sql === OWN_HISTORY.sql) return { row: this.#ownHistory(), rows: [], changes: 0 };
    if (sql.includes('machine_stamp(')) this.#stamps.updateVersion();
    return answerStatementOn(this.#statements, statement);
  }

  #ownHistory(): Row | undefined {
    if (this.#history === 'stored') return undefined;
    this.#history = 'begun';
    return { name: this.#historyName, now_ms: systemClock.wallTimeMs() };
  }

  #explainError(error: unknown): unknown {
    const code = readSqliteCode(error);
    if (code !== undefined && PASSING_CODES.has(code)) {
      const note = code === SQLITE_FULL ? 'file-full' : 'file-unusable';
      return new StoreOutage({ note, file: this.#path, said: errorText(error) }, { cause: error });
    }
    if (code !== undefined && BROKEN_CODES.has(code)) {
      const text = `${this.#path} is damaged (${errorText(error)}): restore a backup`;
      return new RackError('store-broken', text, { cause: error });
    }
    return error;
  }
}
