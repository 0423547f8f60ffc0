// Operations on region.db as generators that yield statements and receive answers, so they do no I/O.
//
//   operation ── yields a statement ──► driver (`Transactions`) ── runs it ──► database
//       ▲                                   │
//       └──────── sends the answer ─────────┘
//
// 1. An operation runs within one transaction of its driver. If a statement fails, the driver
//    abandons it, so operations need not catch errors or clean up.
// 2. Between its statements an operation keeps no state that another operation may change, except
//    caches that may be stale.
// 3. The driver of SQLite runs an operation to its end in one turn. That of PostgreSQL waits for each answer.

import type { SQLInputValue } from 'node:sqlite';
import type { Row, Statements } from './rows.ts';

export type Value = SQLInputValue;

export interface Statement {
  /** What is used of the answer: the first row, all rows, or the number of changed rows. */
  readonly kind: 'one' | 'all' | 'run';
  readonly sql: string;
  readonly values: readonly Value[];
  /** Stores many bytes for a user, and must leave room for everything else. */
  readonly needsSpace?: boolean;
}

/** The answer to a statement; only the field for the statement's kind is filled. */
export interface Answer {
  readonly row: Row | undefined;
  readonly rows: readonly Row[];
  readonly changes: number;
}

export type Steps<T> = Generator<Statement, T, Answer>;

const NO_ROWS: readonly Row[] = [];

/** SQLite's answer. */
export function answerStatementOn(database: Statements, { kind, sql, values }: Statement): Answer {
  if (kind === 'all') return { row: undefined, rows: database.all(sql, ...values), changes: 0 };
  if (kind === 'one') return { row: database.one(sql, ...values), rows: NO_ROWS, changes: 0 };
  return { row: undefined, rows: NO_ROWS, changes: database.run(sql, ...values) };
}

/** Runs an operation on a database that answers at once. */
export function runSteps<T>(steps: Steps<T>, answer: (statement: Statement) => Answer): T {
  let step = steps.next();
  while (step.done !== true) step = steps.next(answer(step.value));
  return step.value;
}

export const one = (sql: string, ...values: Value[]): Statement => ({ kind: 'one', sql, values });

export const all = (sql: string, ...values: Value[]): Statement => ({ kind: 'all', sql, values });

export const run = (sql: string, ...values: Value[]): Statement => ({ kind: 'run', sql, values });

export const needingSpace = (statement: Statement): Statement => ({ ...statement, needsSpace: true });

/**
 * The versions in use: the highest of a machine, of a deleted one, and of the rest of the desired
 * state (`desired-rest`). `desired-version` is the last number drawn (SQLite only).
 */
export function composeUsedVersions(): string {
  // Not max(): within larger statements, SQLite would read the whole index.
  const composeHighest = (column: string, table: string): string =>
    `SELECT (SELECT ${column} FROM ${table} ORDER BY ${column} DESC LIMIT 1)`;
  return (
    `SELECT 0 AS value UNION ALL ${composeHighest('desired_version', 'machine')} UNION ALL ${composeHighest('version', 'gone_machine')} UNION ALL ` +
    "SELECT value FROM counter WHERE name IN ('desired-version', 'desired-rest')"
  );
}

/**
 * Draws a number higher than all before it, to order changes. PostgreSQL draws it from a sequence:
 * a change with a higher number may be stored before one with a lower.
 */
export const NEW_NUMBER_SQL =
  `INSERT INTO counter (name, value) SELECT 'desired-version', max(value) + 1 FROM (${composeUsedVersions()}) AS used WHERE true ` +
  'ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING value';
export const NEW_NUMBER_STATEMENT: Statement = one(NEW_NUMBER_SQL);

/** The version and the event id up to which nothing further can appear; read them first. */
export const SETTLED_VERSION: Statement = one(
  "SELECT value, '' AS history FROM counter WHERE name = 'desired-version'",
);
export const SETTLED_EVENT: Statement = one(`SELECT ${Number.MAX_SAFE_INTEGER} AS value`);
export const isSettledNumber = (statement: Statement): boolean =>
  statement === SETTLED_VERSION || statement === SETTLED_EVENT;

/**
 * Makes the transaction run alone: it begins after all other writers have ended, and further ones
 * wait; only for what happens seldom. For a removal of what other rows name without a foreign key:
 * one added meanwhile would keep a name that another may get later.
 *
 * On PostgreSQL the first run always ends here: only this statement shows the need, and the lock
 * must precede its view of the data. SQLite has one writer at a time.
 */
export const ALONE: Statement = one('SELECT 1');

/**
 * The name of this run of the database, and the time; no row if it is stored already
 * (`region-histories.ts`).
 */
export const OWN_HISTORY: Statement = one("SELECT 'this run' AS name, 1 AS now_ms");

/** The first column; 0 if there is no row. */
export function readFirstNumber({ row }: Answer): number {
  const [value] = Object.values(row ?? {});
  return typeof value === 'number' ? value : 0;
}
