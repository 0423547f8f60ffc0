// Records in rows of any database, and SQLite's prepared statements. A codec has a record's columns once.

import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { type Ipv4, ipv4, type MacAddress, mac } from '../ground/address.ts';

export type Row = Readonly<Record<string, SQLOutputValue>>;

export interface Column<T> {
  readonly name: string;
  /** PostgreSQL's type, if JSON carries the value. */
  readonly type: 'BIGINT' | 'TEXT' | 'BYTEA';
  /** Throws on another value, which is our bug. */
  read(row: Row): T;
  write(value: T): SQLInputValue;
}

function createColumn<T>(
  name: string,
  type: Column<T>['type'],
  convert: (value: SQLOutputValue | undefined) => T | undefined,
  write: (value: T) => SQLInputValue,
): Column<T> {
  const read = (row: Row): T => {
    const value = convert(row[name]);
    if (value === undefined) throw new Error(`column ${name} holds ${typeof row[name]}`);
    return value;
  };
  return { name, type, read, write };
}

export const text = (name: string): Column<string> =>
  createColumn(name, 'TEXT', (value) => (typeof value === 'string' ? value : undefined), String);
export const number = (name: string): Column<number> =>
  createColumn(name, 'BIGINT', (value) => (typeof value === 'number' ? value : undefined), Number);
export const bytes = (name: string): Column<Uint8Array> =>
  createColumn(
    name,
    'BYTEA',
    (value) => (value instanceof Uint8Array ? value : undefined),
    (value) => value,
  );

export const mapColumn = <S, T>(column: Column<S>, read: (value: S) => T, write: (value: T) => S): Column<T> => ({
  ...column,
  read: (row) => read(column.read(row)),
  write: (value) => column.write(write(value)),
});

export const optional = <T>(column: Column<T>): Column<T | undefined> => ({
  ...column,
  read: (row) => (row[column.name] === null ? undefined : column.read(row)),
  write: (value) => (value === undefined ? null : column.write(value)),
});

export const flag = (name: string): Column<boolean> => mapColumn(number(name), Boolean, Number);
export const macColumn = (name: string): Column<MacAddress> => mapColumn(number(name), mac, Number);
export const ipv4Column = (name: string): Column<Ipv4> => mapColumn(number(name), ipv4, Number);
/** JSON that only regions write. */
export const json = <T>(name: string): Column<T> =>
  mapColumn<string, T>(text(name), (stored) => JSON.parse(stored), JSON.stringify);

export const wordColumn = <T extends string>(name: string, words: readonly T[]): Column<T> =>
  mapColumn<string, T>(
    text(name),
    (stored) => {
      const match = words.find((word) => word === stored);
      if (match === undefined) throw new Error(`column ${name} holds an unknown word`);
      return match;
    },
    (word) => word,
  );

/** A field without a column does not compile. */
type Columns<T> = { readonly [Field in keyof Required<T>]: Column<T[Field]> };

export interface Codec<T> {
  readonly columns: readonly Column<unknown>[];
  readonly names: readonly string[];
  readonly read: (row: Row) => T;
  /** In the order of the columns. */
  readonly values: (record: T) => SQLInputValue[];
}

export function codec<T extends object>(fields: Columns<T>): Codec<T> {
  const entries = listColumns(fields);
  const columns = entries.map(([, column]) => column);
  const read = (row: Row): T => {
    const record = Object.create(Object.prototype);
    for (const [field, column] of entries) record[field] = column.read(row);
    return record;
  };
  const values = (record: object): SQLInputValue[] =>
    entries.map(([field, column]) => column.write(Reflect.get(record, field)));
  return { columns, names: columns.map(({ name }) => name), read, values };
}

const listColumns = (fields: object): readonly (readonly [field: string, stored: Column<unknown>])[] =>
  Object.entries(fields);

export const composeInsert = (table: string, names: readonly string[]): string =>
  `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
export const composeAssignments = (names: readonly string[]): string => names.map((name) => `${name} = ?`).join(', ');
/** A value of one row of `FROM rows(?) AS one`. @param index of the value in the row */
export const composeRowValue = ({ type }: Column<unknown>, index: number): string =>
  `CAST(one.value ->> ${index} AS ${type})`;
/** Inserts the rows of a JSON list, each with the values of all these columns. */
export const composeInsertRows = (table: string, columns: readonly Column<unknown>[]): string =>
  `INSERT INTO ${table} (${columns.map(({ name }) => name).join(', ')}) ` +
  `SELECT ${columns.map(composeRowValue).join(', ')} FROM rows(?) AS one WHERE true`;
/** True for a row whose texts in these columns are listed: the values of a row of JSON. */
export const composeIsListed = (...names: readonly string[]): string =>
  `(${names.join(', ')}) IN (SELECT ${names.map((_, index) => `one.value ->> ${index}`).join(', ')} FROM rows(?) AS one)`;
/** Replaces these columns of the row with the same key. */
export const composeReplace = (key: string, names: readonly string[]): string =>
  ` ON CONFLICT (${key}) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(', ')}`;

/**
 * SQLite's form of a statement, whose lists are `IN texts(?)`, `IN numbers(?)`, `FROM texts(?)` and
 * `FROM rows(?)`, each one JSON text. A row is an array: `one.value ->> 0` is the first value of
 * the row `one`, as a text on PostgreSQL.
 */
export const toSqliteForm = (sql: string): string =>
  sql
    .replace(/\bIN (?:texts|numbers)\((\?\d?)\)/g, 'IN (SELECT value FROM json_each($1))')
    .replace(/\bFROM (?:texts|rows)\((\?\d?)\)/g, 'FROM json_each($1)');

/** Prepares each statement once; their texts are a fixed set. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  prepare(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(toSqliteForm(sql));
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

  /** The first column of the first row; 0 if there is no row. */
  number(sql: string, ...values: SQLInputValue[]): number {
    const row = this.one(sql, ...values);
    const value = row === undefined ? 0 : Object.values(row)[0];
    return typeof value === 'number' ? value : 0;
  }
}
