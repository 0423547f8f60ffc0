// Transactions of region.db: begun, ended, one inside the other; and what a failure of SQLite means to the region.
//
// Sources: sqlite.org/lang_transaction.html (IMMEDIATE), /lang_savepoint.html, /rescode.html.
//
// 1. A transaction that writes is begun IMMEDIATE, so that two processes never meet in the middle of one.
// 2. One begun inside another is a savepoint: when it throws, it alone is undone, and what surrounds it decides.
// 3. A failed write has left nothing: SQLite may have rolled back by itself, which `isTransaction` tells.

import type { DatabaseSync } from 'node:sqlite';
import { errorText, RackError } from '../errors.ts';
import { sqliteCode } from './database-file.ts';

/** SQLite result codes of a world that may get better: busy, locked, out of memory, read-only, I/O error, full, cannot open. */
const PASSING_CODES: ReadonlySet<number> = new Set([5, 6, 7, 8, 10, 13, 14]);
/** Result codes of a file that will not. */
const BROKEN_CODES: ReadonlySet<number> = new Set([11, 26]);
const SQLITE_FULL = 13;

/** The transactions of one connection. */
export class Transactions {
  readonly #database: DatabaseSync;
  readonly #path: string;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
  }

  /** Runs `work`; what it wrote is on disk when this returns, or undone when it throws. @throws RackError `store-unavailable` */
  write<T>(work: () => T): T {
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

  /** Runs `work`, which only reads. @throws RackError `store-unavailable` */
  read<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
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

  #explain(error: unknown): unknown {
    const code = sqliteCode(error);
    if (code !== undefined && PASSING_CODES.has(code)) {
      const remedy =
        code === SQLITE_FULL ? 'make room on its disk' : 'see who else holds it, and whether its disk is sound';
      return new RackError('store-unavailable', `${this.#path} cannot be used now (${errorText(error)}): ${remedy}`, {
        cause: error,
      });
    }
    if (code !== undefined && BROKEN_CODES.has(code)) {
      const text = `${this.#path} is damaged (${errorText(error)}): put back a backup`;
      return new RackError('store-broken', text, { cause: error });
    }
    return error;
  }
}
