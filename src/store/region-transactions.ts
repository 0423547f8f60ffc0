// Runs operations (`region-steps.ts`) on region.db in transactions, nested ones included, and gives SQLite's errors their meaning.
//
// Sources: sqlite.org/lang_transaction.html (IMMEDIATE), /lang_savepoint.html, /rescode.html.
//
// 1. A writing transaction begins IMMEDIATE, so that two processes never interleave.
// 2. A nested transaction is a savepoint: if it throws, only it is rolled back, and the surrounding one decides what to do.
// 3. A failed write leaves nothing behind. SQLite may already have rolled back; `isTransaction` shows it.

import type { DatabaseSync } from 'node:sqlite';
import { errorText, RackError } from '../errors.ts';
import { BROKEN_CODES, sqliteCode } from './database-file.ts';
import { type Row, Statements } from './region-rows.ts';
import type { Answer, Statement, Steps } from './region-steps.ts';

/** SQLite result codes of conditions that may pass: busy, locked, out of memory, read-only, I/O error, full, cannot open. */
const PASSING_CODES: ReadonlySet<number> = new Set([5, 6, 7, 8, 10, 13, 14]);
const SQLITE_FULL = 13;

const NO_ROWS: readonly Row[] = [];

/** The transactions of one connection. */
export class Transactions {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #statements: Statements;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
    this.#statements = new Statements(database);
  }

  /** Runs an operation. Its writes are on disk when this returns, and rolled back if it throws. @throws RackError `store-unavailable` */
  write<T>(steps: Steps<T>): T {
    return this.atomically(() => this.#run(steps));
  }

  /** Runs an operation that only reads. @throws RackError `store-unavailable` */
  read<T>(steps: Steps<T>): T {
    try {
      return this.#run(steps);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** Runs `work`, which may run operations, in one transaction. @throws RackError `store-unavailable` */
  atomically<T>(work: () => T): T {
    if (this.#database.isTransaction) return this.#inside(work);
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw this.#explain(error);
    }
  }

  #inside<T>(work: () => T): T {
    try {
      this.#database.exec('SAVEPOINT inner_step');
      const result = work();
      this.#database.exec('RELEASE inner_step');
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK TO inner_step; RELEASE inner_step');
      throw this.#explain(error);
    }
  }

  #run<T>(steps: Steps<T>): T {
    let step = steps.next();
    while (step.done !== true) step = steps.next(this.#answer(step.value));
    return step.value;
  }

  #answer({ kind, sql, values }: Statement): Answer {
    const statement = this.#statements.prepare(sql);
    if (kind === 'all') return { row: undefined, rows: statement.all(...values), changes: 0 };
    if (kind === 'one') return { row: statement.get(...values), rows: NO_ROWS, changes: 0 };
    return { row: undefined, rows: NO_ROWS, changes: Number(statement.run(...values).changes) };
  }

  #explain(error: unknown): unknown {
    const code = sqliteCode(error);
    if (code !== undefined && PASSING_CODES.has(code)) {
      const remedy =
        code === SQLITE_FULL ? 'make room on its disk' : 'check which process holds it, and whether its disk fails';
      return new RackError('store-unavailable', `${this.#path} cannot be used now (${errorText(error)}): ${remedy}`, {
        cause: error,
      });
    }
    if (code !== undefined && BROKEN_CODES.has(code)) {
      const text = `${this.#path} is damaged (${errorText(error)}): restore a backup`;
      return new RackError('store-broken', text, { cause: error });
    }
    return error;
  }
}
