// Rows of any database, read column by column, and prepared statements of SQLite.

import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { z } from 'zod';
import { errorText, osErrorCode } from '../errors.ts';
import type { RowFault } from '../region/records/store-outage.ts';
import { StoreOutage } from '../region/words/outage.ts';

export type Row = Readonly<Record<string, SQLOutputValue>>;

/** A row of the region's store as its driver gives it. Only a reader of `readsRow`, whose errors name the row, has its columns. */
export type StoredRow = object;

const isOpened = (row: StoredRow): row is Row => typeof row === 'object';

/** The columns that name a row to a person, the best first. */
const NAMING = ['id', 'key', 'name', 'system_id', 'username', 'machine_id'];
const REASON_CHARACTERS_MAX = 200;

/**
 * Makes the error of a reader name the table and the row.
 *
 * Such a row was damaged, or written by hand. For its readers the store is then unavailable, and they try again later: a person may repair
 * the row while the process runs. So the row ends no process.
 * @param key the column that names the row; default: the best of NAMING that it has
 */
export const readsRow =
  <T>(table: string, read: (row: Row) => T, key?: string) =>
  (row: StoredRow): T => {
    if (!isOpened(row)) throw new TypeError('the driver gave no row');
    try {
      return read(row);
    } catch (error) {
      throw damagedRow(table, row, error, key);
    }
  };

/** A value that cannot be converted. */
class ColumnFault extends Error {
  readonly column: string;
  constructor(column: string, cause: unknown) {
    super(`column ${column}: ${errorText(cause)}`, { cause });
    this.column = column;
  }
}

/** The table lacks a column, so no row of it can be read. A statement that names its columns fails at the database. */
class ColumnMissing extends Error {
  readonly column: string;
  constructor(column: string) {
    super(column);
    this.column = column;
  }
}

/** Converts a column's value; an error names the column. */
export function converted<V, T>(column: string, value: V, convert: (value: V) => T): T {
  try {
    return convert(value);
  } catch (error) {
    throw new ColumnFault(column, error);
  }
}

/** Reads a column with JSON. */
export const json = <T>(row: Row, column: string, schema: z.ZodType<T>): T =>
  converted(column, text(row, column), (written) => {
    const read = schema.safeParse(JSON.parse(written));
    if (!read.success) throw new TypeError('a value has another form', { cause: read.error });
    return read.data;
  });

/** The reason without the words of the JavaScript engine, which name no column, and without a schema's, which have many lines. */
function whyUnreadable(error: unknown): { readonly fault: RowFault; readonly said: string } {
  if (error instanceof SyntaxError) return { fault: 'not-json', said: '' };
  if (error instanceof TypeError || error instanceof RangeError || error instanceof z.ZodError)
    return { fault: 'other-form', said: '' };
  return { fault: 'other', said: errorText(error).slice(0, REASON_CHARACTERS_MAX) };
}

/** The error for a row that cannot be read; it shows no value, which may be a secret. */
function damagedRow(table: string, row: Row, error: unknown, named?: string): StoreOutage {
  const missing = error instanceof ColumnFault ? error.cause : error;
  if (missing instanceof ColumnMissing)
    return new StoreOutage({ note: 'column-missing', table, column: missing.column }, { cause: error });
  const has = (name: string): boolean => row[name] !== undefined && row[name] !== null;
  const key = named !== undefined && has(named) ? named : (NAMING.find(has) ?? '');
  const value = key === '' ? '' : String(row[key]);
  const { column, cause } = error instanceof ColumnFault ? error : { column: '', cause: error };
  return new StoreOutage(
    { note: 'row-unreadable', table, key, value, column, ...whyUnreadable(cause) },
    { cause: error },
  );
}

/**
 * SQLite's form of a statement, whose lists are `IN texts(?)`, `IN numbers(?)`, `FROM texts(?)` and `FROM rows(?)`, each one JSON text. A row
 * is an array: `one.value ->> 0` is the first value of the row `one`, as a text on PostgreSQL.
 */
export const sqliteForm = (sql: string): string =>
  sql
    .replace(/\bIN (?:texts|numbers)\((\?\d?)\)/g, 'IN (SELECT value FROM json_each($1))')
    .replace(/\bFROM (?:texts|rows)\((\?\d?)\)/g, 'FROM json_each($1)');

/** The statements of one database, each prepared once. Their texts come from a fixed set in the code. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  prepare(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sqliteForm(sql));
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  one(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.prepare(sql).get(...values);
  }

  all(sql: string, ...values: SQLInputValue[]): readonly Row[] {
    return this.prepare(sql).all(...values);
  }

  /** @returns the number of changed rows */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.prepare(sql).run(...values).changes);
  }

  /** The first column of the first row; 0 if there is no row or it is not a number. */
  number(sql: string, ...values: SQLInputValue[]): number {
    const row = this.one(sql, ...values);
    const value = row === undefined ? 0 : Object.values(row)[0];
    return typeof value === 'number' ? value : 0;
  }
}

/**
 * Reads rows. A number that JavaScript cannot hold, which no region writes, would fail the whole query: it stays a bigint, and the reader of
 * its column names the row.
 */
export function readLarge(statement: StatementSync, read: () => readonly Row[]): readonly Row[] {
  try {
    return read();
  } catch (error) {
    // A statement that writes must not run twice.
    const mayRepeat = osErrorCode(error) === 'ERR_OUT_OF_RANGE' && statement.sourceSQL.startsWith('SELECT');
    if (!mayRepeat) throw error;
    statement.setReadBigInts(true);
    try {
      return read().map(withNumbers);
    } finally {
      statement.setReadBigInts(false);
    }
  }
}

const withNumbers = (row: Row): Row =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      const isExact = typeof value === 'bigint' && Number.isSafeInteger(Number(value));
      return [name, isExact ? Number(value) : value];
    }),
  );

/** The latest time that a Date can be (ECMA-262 §21.4.1.1). */
const TIME_MS_MAX = 8_640_000_000_000_000;

export function text(row: Row, column: string): string {
  const value = row[column];
  if (value === undefined) throw new ColumnMissing(column);
  if (typeof value !== 'string') throw new Error(`column ${column} holds ${typeof value}, not text`);
  return value;
}

export function number(row: Row, column: string): number {
  const value = row[column];
  if (value === undefined) throw new ColumnMissing(column);
  if (typeof value !== 'number') throw new Error(`column ${column} holds ${typeof value}, not a number`);
  if (Math.abs(value) > TIME_MS_MAX && column.endsWith('_ms')) throw new Error(`column ${column} holds no time`);
  return value;
}

export function optionalText(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column);
}

export function optionalNumber(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : number(row, column);
}
