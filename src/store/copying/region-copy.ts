// Copies a region's data from one database to another, whatever kind each is.
//
//   refuse a target that holds anything else ─► table by table, CHUNK rows in a transaction ─► compare digests ─► make the target usable
//
// 1. Rows are copied in the order of their keys. So an interrupted copy has the first rows of each table, and continues after them.
// 2. A target is usable only once every table has the digest of its source.
// 3. Tables come in the order of the schema: a row never comes before the one that it refers to.
// 4. A backup has the digests of its tables, so that a damaged one is found before a target has anything of it (`checkWhole`).

import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { cleanText } from '../../clean-text.ts';
import { RackError } from '../../errors.ts';
import type { Value } from '../operations/region-steps.ts';
import { REGION_DATABASE } from '../region/region-schema.ts';

/** Rows read or written at a time. */
const CHUNK = 500;
/** Bytes of the rows read or written at a time. A larger row is read or written alone: a user's file has up to 64 MiB. */
export const CHUNK_BYTES = 8 * 1024 * 1024;

/** How much of a key a message shows, in characters. */
const KEY_SHOWN_MAX = 80;

interface CopiedColumn {
  readonly name: string;
  /** `INTEGER`, `TEXT` or `BLOB`. */
  readonly type: string;
  /** True if it is never NULL. */
  readonly isRequired: boolean;
}

/** A table of the schema. */
export interface CopiedTable {
  readonly name: string;
  readonly columns: readonly CopiedColumn[];
  /** The columns that order its rows. */
  readonly order: readonly CopiedColumn[];
  /** True if it assigns ids to its rows, and never the same id twice. */
  readonly givesIds: boolean;
}

export type CopiedRow = readonly Value[];

/** The approximate memory of a row, in bytes. */
export const bytesOf = (row: CopiedRow): number =>
  row.reduce<number>((sum, value) => {
    if (value instanceof Uint8Array) return sum + value.byteLength;
    return sum + (typeof value === 'string' ? value.length : 0);
  }, 0);

/** One end of a copy. */
interface CopyEnd {
  /** For messages; it contains no secret. */
  readonly name: string;
  count(table: CopiedTable): Promise<number>;
  /** Rows in the table's order: at most `limit`, and fewer if they have CHUNK_BYTES; none: the table has no more. */
  read(table: CopiedTable, offset: number, limit: number): Promise<readonly CopiedRow[]>;
}

/** The content of a table at the source of a backup. */
interface TableMark {
  /** Of its rows (`digestOf`). */
  readonly digest: string;
  /** The highest id that it has ever given; 0: it gives none. */
  readonly lastId: number;
}

/** The marks of a backup. */
export interface BackupMarks {
  readonly tables: ReadonlyMap<string, TableMark>;
  /** The command that removes the marks from the file. */
  readonly removal: string;
}

export interface CopySource extends CopyEnd {
  /** The highest id that a table has ever given. */
  lastId(table: CopiedTable): Promise<number>;
  /** Undefined unless it is a backup, and no earlier release wrote it. */
  marks(): Promise<BackupMarks | undefined>;
}

export interface CopyTarget extends CopyEnd {
  /** True if it is usable as it is: empty, or its last copy was finished. */
  isUsable(): Promise<boolean>;
  /** Makes the target unusable until `finish`; called only once its contents are known to be a part of the source. */
  begin(): Promise<void>;
  /** Adds rows in one transaction. */
  write(table: CopiedTable, rows: readonly CopiedRow[]): Promise<void>;
  /** Makes new ids follow those of the source, and makes the target usable. @param digests of the source's tables, for a backup */
  finish(lastIds: ReadonlyMap<string, number>, digests: ReadonlyMap<string, string>): Promise<void>;
}

export interface CopiedTables {
  readonly tables: number;
  readonly rows: number;
  /** True if a finished copy of the same data was there already, so that nothing was written. */
  readonly wasComplete: boolean;
}

let tablesOfSchema: readonly CopiedTable[] | undefined;

/** The tables of the schema, those that others refer to first. */
export function copiedTables(): readonly CopiedTable[] {
  tablesOfSchema ??= readSchema();
  return tablesOfSchema;
}

/** Reads the tables from an empty database of the schema. */
function readSchema(): readonly CopiedTable[] {
  const database = new DatabaseSync(':memory:');
  try {
    for (const step of REGION_DATABASE.migrations) database.exec(step);
    // The counters last (`COUNTERS`), although later versions of the schema add tables after them.
    const query = "SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name = 'counter', rowid";
    const tables = database.prepare(query).all();
    return tables
      .map(({ name, sql }) => ({ name: String(name), sql: String(sql) }))
      .filter(({ name }) => !name.startsWith('sqlite_'))
      .map(({ name, sql }) => {
        const query = 'SELECT name, type, pk, "notnull" AS required FROM pragma_table_info(?)';
        const rows = database.prepare(query).all(name);
        const keys = rows.filter(({ pk }) => pk !== 0).sort((one, other) => Number(one.pk) - Number(other.pk));
        const columnOf = (row: (typeof rows)[number]): CopiedColumn => ({
          name: String(row.name),
          type: String(row.type),
          isRequired: row.pk !== 0 || row.required === 1,
        });
        const order = (keys.length === 0 ? rows : keys).map(columnOf);
        return { name, columns: rows.map(columnOf), order, givesIds: sql.includes('AUTOINCREMENT') };
      });
  } finally {
    database.close();
  }
}

/** Names a row by its key and, if there are any, the columns with a NUL, which PostgreSQL cannot hold. */
export function rowName({ columns, order }: CopiedTable, row: CopiedRow): string {
  const shown = (name: string): string => {
    const value = row[columns.findIndex((column) => column.name === name)];
    return cleanText(String(value), KEY_SHOWN_MAX);
  };
  const key = order.map(({ name }) => `${name} = ${shown(name)}`);
  const hasNul = (value: Value | undefined): boolean => typeof value === 'string' && value.includes('\0');
  const withNul = columns.flatMap(({ name }, index) => (hasNul(row[index]) ? [name] : []));
  return `that with ${key.join(', ')}${withNul.length === 0 ? '' : `, which has the character NUL in ${withNul.join(', ')}`}`;
}

/**
 * Copies everything, or the rest after an interrupted copy.
 * @param onTable called after each table that was copied
 * @throws RackError `already-exists` if the target holds anything else; those of the databases
 */
export async function copyRegion(
  source: CopySource,
  target: CopyTarget,
  onTable: (table: string, rows: number) => void,
): Promise<CopiedTables> {
  const tables = copiedTables();
  const held = await checkTarget(source, target, tables);
  if (held.isWhole && held.rows > 0 && (await target.isUsable()))
    return { tables: tables.length, rows: held.rows, wasComplete: true };
  await target.begin();
  const lastIds = new Map<string, number>();
  let rows = 0;
  for (const table of tables) {
    let done = await target.count(table);
    for (;;) {
      const chunk = await source.read(table, done, CHUNK);
      if (chunk.length === 0) break;
      await target.write(table, chunk);
      done += chunk.length;
    }
    rows += done;
    onTable(table.name, done);
    if (table.givesIds) lastIds.set(table.name, await source.lastId(table));
  }
  const digests = new Map<string, string>();
  for (const table of tables) {
    const digest = await digestOf(source, table);
    digests.set(table.name, digest);
    if (digest === (await digestOf(target, table))) continue;
    const text = `the copy of the table ${table.name} in ${target.name} differs from ${source.name}: empty the target, and copy again while nothing changes the source`;
    throw new RackError('store-broken', text);
  }
  await target.finish(lastIds, digests);
  return { tables: tables.length, rows, wasComplete: false };
}

/** @throws RackError `store-broken` if the source is a backup that has changed since it was written */
export async function checkWhole(source: CopySource): Promise<void> {
  const marks = await source.marks();
  if (marks === undefined) return;
  for (const table of copiedTables()) {
    const mark = marks.tables.get(table.name);
    const lastId = table.givesIds ? await source.lastId(table) : 0;
    if (mark?.lastId === lastId && mark.digest === (await digestOf(source, table))) continue;
    const text = `${source.name}: the table ${table.name} differs from what the backup wrote, because the file is damaged or was edited: take another backup; or, if you edited it on purpose, run ${marks.removal}, and repeat the command`;
    throw new RackError('store-broken', text);
  }
}

/**
 * Compares the rows of the target with the first rows of the source.
 * @returns how many it has, and whether these are all
 * @throws RackError `already-exists` unless the target is empty, or has what a copy of this source leaves
 */
async function checkTarget(
  source: CopySource,
  target: CopyTarget,
  tables: readonly CopiedTable[],
): Promise<{ readonly rows: number; readonly isWhole: boolean }> {
  let rows = 0;
  let isBehind = false;
  for (const table of tables) {
    const done = await target.count(table);
    const isOther =
      done > 0 && (isBehind || (await digestOf(source, table, done)) !== (await digestOf(target, table, done)));
    if (isOther) {
      const text = `${target.name} is not empty (table ${table.name}), and its contents are not those of an interrupted copy of ${source.name}: empty or remove it, or name another`;
      throw new RackError('already-exists', text);
    }
    rows += done;
    isBehind ||= done < (await source.count(table));
  }
  return { rows, isWhole: !isBehind };
}

/** A digest of the first rows of a table; default: of all. */
export async function digestOf(end: CopyEnd, table: CopiedTable, max = Number.POSITIVE_INFINITY): Promise<string> {
  const hash = createHash('sha256');
  for (let done = 0; done < max; ) {
    const rows = await end.read(table, done, Math.min(CHUNK, max - done));
    if (rows.length === 0) break;
    for (const row of rows) {
      hash.update(`${JSON.stringify(row.map(plain))}\n`);
      // As text, a large file would take several times its size.
      for (const value of row) if (value instanceof Uint8Array) hash.update(value);
    }
    done += rows.length;
  }
  return hash.digest('hex');
}

const plain = (value: Value): unknown =>
  value instanceof Uint8Array
    ? { octets: value.byteLength }
    : typeof value === 'bigint'
      ? { number: String(value) }
      : value;
