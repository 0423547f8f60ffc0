// Copies a region into an empty database of any kind, table by table.
//
// 1. The target has the whole copy, or nothing of it: an interrupted copy is begun again.
// 2. A row follows the one that it refers to.

import { makeEmptyTables } from '../database-file.ts';
import { REGION_DATABASE } from '../region/region-schema.ts';
import type { Value } from '../steps.ts';

const ROWS_PER_CHUNK = 100;
/** Tables whose rows may have many MiB. */
const LARGE_TABLES: ReadonlySet<string> = new Set(['stored_file', 'user_data']);

interface CopiedColumn {
  readonly name: string;
  /** `INTEGER`, `TEXT` or `BLOB`. */
  readonly type: string;
}

export interface CopiedTable {
  readonly name: string;
  readonly columns: readonly CopiedColumn[];
  /** True if the table gives ids and never gives one twice. */
  readonly givesIds: boolean;
  readonly rowsAtOnce: number;
}

export type CopiedRow = readonly Value[];

export interface CopySource {
  read(table: CopiedTable): AsyncIterable<readonly CopiedRow[]>;
  /** The highest id that a table has ever given. */
  readLastId(table: CopiedTable): Promise<number>;
}

/** An empty database. */
export interface CopyTarget {
  write(table: CopiedTable, rows: readonly CopiedRow[]): Promise<void>;
  /** Makes new ids follow those of the source, and the target usable. */
  finish(lastIds: ReadonlyMap<string, number>): Promise<void>;
}

export interface CopiedTables {
  readonly tables: number;
  readonly rows: number;
}

/** The tables, those that others refer to first. */
export function listSchemaTables(): readonly CopiedTable[] {
  const database = makeEmptyTables(REGION_DATABASE);
  try {
    const tables = database
      .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
      .all()
      .map(({ name, sql }) => ({ name: String(name), sql: String(sql) }))
      .filter(({ name }) => !name.startsWith('sqlite_'));
    const references = database.prepare('SELECT DISTINCT "table" AS name FROM pragma_foreign_key_list(?)');
    const ordered = new Map<string, (typeof tables)[number]>();
    const addTable = (name: string): void => {
      const table = tables.find((candidate) => candidate.name === name);
      if (table === undefined || ordered.has(name)) return;
      for (const reference of references.all(name)) addTable(String(reference.name));
      ordered.set(name, table);
    };
    for (const { name } of tables) addTable(name);
    return [...ordered.values()].map(({ name, sql }) => {
      const rows = database.prepare('SELECT name, type FROM pragma_table_info(?)').all(name);
      const columns = rows.map((row): CopiedColumn => ({ name: String(row.name), type: String(row.type) }));
      return {
        name,
        columns,
        givesIds: sql.includes('AUTOINCREMENT'),
        rowsAtOnce: LARGE_TABLES.has(name) ? 1 : ROWS_PER_CHUNK,
      };
    });
  } finally {
    database.close();
  }
}

/** @param onTable after each copied table */
export async function copyRegion(
  source: CopySource,
  target: CopyTarget,
  onTable: (table: string, rows: number) => void,
): Promise<CopiedTables> {
  const tables = listSchemaTables();
  const lastIds = new Map<string, number>();
  let rows = 0;
  for (const table of tables) {
    let copiedRows = 0;
    for await (const chunk of source.read(table)) {
      await target.write(table, chunk);
      copiedRows += chunk.length;
    }
    rows += copiedRows;
    onTable(table.name, copiedRows);
    if (table.givesIds) lastIds.set(table.name, await source.readLastId(table));
  }
  await target.finish(lastIds);
  return { tables: tables.length, rows };
}
