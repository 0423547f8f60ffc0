// Reads the whole of `region.db` while the region runs, and reports damage. SQLite itself notices a damaged page only when a request
// needs it, perhaps after the last good backup is gone.
//
// Sources: sqlite.org/pragma.html (quick_check).
//
// 1. One table with its indexes at a time, with turns of the event loop between them: requests wait for one table at most.
// 2. After READ_MS_MAX the remaining tables are left unread: a slow disk has other work.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Clock, later } from '../../clock.ts';
import { errorText } from '../../errors.ts';
import { BROKEN_CODES, sqliteCode } from '../database-file.ts';
import { REGION_FILE } from '../region/region-schema.ts';

/** No further table is begun after this, in milliseconds. */
const READ_MS_MAX = 10_000;
/** How long a read waits for a process that locks the file, in milliseconds. After that the file is not read before the next start. */
const WAIT_MS_MAX = 100;

/** A damaged file, and the first thing that is wrong in it. */
interface StoreDamage {
  readonly file: string;
  readonly reason: string;
}

/**
 * Says what is damaged; undefined if nothing is, or if the file cannot be read now.
 * @param parts.isWanted returns false once the result is no longer needed
 */
export async function findRegionDamage(
  stateDir: string,
  { clock, isWanted }: { readonly clock: Pick<Clock, 'now'>; readonly isWanted: () => boolean },
): Promise<StoreDamage | undefined> {
  const path = join(stateDir, REGION_FILE);
  const end = later(clock.now(), READ_MS_MAX);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: WAIT_MS_MAX });
    for (const table of tablesOf(database)) {
      await nextTurn();
      if (!isWanted() || clock.now() > end) return undefined;
      const verdict = checkTable(database, table);
      if (verdict !== 'ok') return damageOf(path, verdict);
    }
    return undefined;
  } catch (error) {
    const code = sqliteCode(error);
    return code !== undefined && BROKEN_CODES.has(code) ? damageOf(path, errorText(error)) : undefined;
  } finally {
    database?.close();
  }
}

function tablesOf(database: DatabaseSync): readonly string[] {
  const rows = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  return ['sqlite_schema', ...rows.map(({ name }) => String(name))];
}

/** `ok`, or the first thing that is wrong. */
function checkTable(database: DatabaseSync, table: string): string {
  const row = database.prepare(`PRAGMA quick_check("${table.replaceAll('"', '""')}")`).get();
  return row === undefined ? 'no answer' : String(Object.values(row)[0]);
}

const damageOf = (file: string, verdict: string): StoreDamage => ({ file, reason: verdict.replaceAll('\n', ', ') });
