// Copies a region's data from one database into another that is empty, whatever kind each is: table by table, CHUNK rows at a time.
//
// 1. The target has the whole copy, or nothing of it: an interrupted one is begun again.
// 2. Tables come in the order of the schema: a row never comes before the one that it refers to.

import { DatabaseSync } from 'node:sqlite';
import { RackError } from '../../errors.ts';
import type { Value } from '../operations/region-steps.ts';
import { REGION_DATABASE } from '../region/region-schema.ts';

/** Rows read or written at a time. */
const CHUNK = 500;
/** Bytes of the rows read or written at a time. A larger row is read or written alone: a user's file has up to 64 MiB. */
export const CHUNK_BYTES = 8 * 1024 * 1024;

interface CopiedColumn {
  readonly name: string;
  /** `INTEGER`, `TEXT` or `BLOB`. */
  readonly type: string;
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

export interface CopySource {
  /** Rows in the table's order: at most `limit`, and fewer if they have CHUNK_BYTES; none: the table has no more. */
  read(table: CopiedTable, offset: number, limit: number): Promise<readonly CopiedRow[]>;
  /** The highest id that a table has ever given. */
  lastId(table: CopiedTable): Promise<number>;
}

export interface CopyTarget {
  /** For messages; it contains no secret. */
  readonly name: string;
  isEmpty(table: CopiedTable): Promise<boolean>;
  write(table: CopiedTable, rows: readonly CopiedRow[]): Promise<void>;
  /** Makes new ids follow those of the source, and the target usable. */
  finish(lastIds: ReadonlyMap<string, number>): Promise<void>;
}

export interface CopiedTables {
  readonly tables: number;
  readonly rows: number;
}

/** Reads the tables from an empty database of the schema, those that others refer to first. */
export function tablesOfSchema(): readonly CopiedTable[] {
  const database = new DatabaseSync(':memory:');
  try {
    for (const step of REGION_DATABASE.migrations) database.exec(step);
    const tables = database.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid").all();
    return tables
      .map(({ name, sql }) => ({ name: String(name), sql: String(sql) }))
      .filter(({ name }) => !name.startsWith('sqlite_'))
      .map(({ name, sql }) => {
        const rows = database.prepare('SELECT name, type, pk FROM pragma_table_info(?)').all(name);
        const keys = rows.filter(({ pk }) => pk !== 0).sort((one, other) => Number(one.pk) - Number(other.pk));
        const columnOf = (row: (typeof rows)[number]): CopiedColumn => ({
          name: String(row.name),
          type: String(row.type),
        });
        const order = (keys.length === 0 ? rows : keys).map(columnOf);
        return { name, columns: rows.map(columnOf), order, givesIds: sql.includes('AUTOINCREMENT') };
      });
  } finally {
    database.close();
  }
}

/**
 * @param onTable called after each table that was copied
 * @throws RackError `already-exists` if the target holds anything; those of the databases
 */
export async function copyRegion(
  source: CopySource,
  target: CopyTarget,
  onTable: (table: string, rows: number) => void,
): Promise<CopiedTables> {
  const tables = tablesOfSchema();
  for (const table of tables) {
    if (await target.isEmpty(table)) continue;
    const text = `${target.name} is not empty (table ${table.name}): empty or remove it, or name another`;
    throw new RackError('already-exists', text);
  }
  const lastIds = new Map<string, number>();
  let rows = 0;
  for (const table of tables) {
    let done = 0;
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
  await target.finish(lastIds);
  return { tables: tables.length, rows };
}
