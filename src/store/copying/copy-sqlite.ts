// A file of SQLite as an end of a copy (`region-copy.ts`): a region.db, or a backup, which is such a file.
//
// 1. The source is read in one transaction: the copy has its contents of one moment, even while others write to it.
// 2. The target is written under another name in its directory, and renamed when it is whole. One process at a time writes it.
// 3. A killed backup leaves its unfinished file. The next backup in that directory removes it; an interrupted copy continues with its own.
// 4. The target is a new file of this user, which no other user can read or has put there. A log that an earlier database of its name left
//    behind would change it: such a target is refused.
// 5. Finishing raises a counter, and may stop before the rename. So an interrupted copy that continues writes the counters, its last table,
//    afresh.
// 6. A source may come from anywhere: it has tables with stored columns only, and its schema calls no function that could do harm.
// 7. A backup has one more table, MARKS, with what its source had in each table. A region whose database was a backup removes it
//    (`openRegionStore`). In a database with a write-ahead log it means nothing: a region, perhaps of an earlier release, has opened that.

import { accessSync, constants, existsSync, renameSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { cleanText, shellWord } from '../../clean-text.ts';
import { counted } from '../../counted.ts';
import { errorText, osErrorCode, RackError } from '../../errors.ts';
import { foundStats, linkTarget } from '../../files/found-stats.ts';
import { ownUserName } from '../../files/ownership.ts';
import { fileFault } from '../../files/read-fault.ts';
import { checkRegularFile } from '../../files/regular-file.ts';
import { COMPANIONS, isFullDisk, makeStateDirectory, sqliteCode } from '../database-file.ts';
import { UNFINISHED } from '../region/lost-region.ts';
import { MARKS, REGION_DATABASE } from '../region/region-schema.ts';
import {
  type BackupMarks,
  bytesOf,
  CHUNK_BYTES,
  type CopiedRow,
  type CopiedTable,
  type CopySource,
  type CopyTarget,
  copiedTables,
  digestOf,
  rowName,
} from './region-copy.ts';
import { makePrivateFile, openLocked, removeFiles } from './unfinished-file.ts';

/** The primary code of a row that breaks a rule of its table (sqlite.org/rescode.html). */
const SQLITE_CONSTRAINT = 19;
class SqliteEnd {
  readonly name: string;
  protected readonly database: DatabaseSync;

  constructor(name: string, database: DatabaseSync) {
    this.name = name;
    this.database = database;
  }

  async count({ name }: CopiedTable): Promise<number> {
    return this.reading(name, () =>
      Number(this.database.prepare(`SELECT count(*) AS rows FROM ${name}`).get()?.rows ?? 0),
    );
  }

  async read({ name, columns, order }: CopiedTable, offset: number, limit: number): Promise<readonly CopiedRow[]> {
    const by = order.map((column) => column.name).join(', ');
    const names = columns.map((column) => column.name);
    const sql = `SELECT ${names.join(', ')} FROM ${name} ORDER BY ${by} LIMIT ? OFFSET ?`;
    return this.reading(name, () => {
      const statement = this.database.prepare(sql);
      // Otherwise one number that JavaScript cannot represent would make the whole table unreadable.
      statement.setReadBigInts(true);
      const rows: CopiedRow[] = [];
      let bytes = 0;
      for (const row of statement.iterate(limit, offset)) {
        const copied = names.map((column) => exact(row[column] ?? null));
        rows.push(copied);
        bytes += bytesOf(copied);
        if (bytes >= CHUNK_BYTES) break;
      }
      return rows;
    });
  }

  /** Reads a table. @throws RackError `store-broken`, for a damaged file or one that somebody changed */
  protected reading<T>(table: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      // The iterator of Node 24 has no result for a row with a text that is longer than JavaScript's.
      const why = error instanceof TypeError ? 'a value of a row is too long' : errorText(error);
      const text = `${this.name}: the table ${table} cannot be read (${why}): take another backup`;
      throw new RackError('store-broken', text, { cause: error });
    }
  }

  close(): void {
    if (this.database.isOpen) this.database.close();
  }
}

/** A bigint as a number, if JavaScript represents it exactly. */
const exact = (value: SQLOutputValue): CopiedRow[number] =>
  typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;

/** Reads a file as it is at this moment. @throws RackError `not-found`, `store-broken`, `store-newer` */
export class SqliteSource extends SqliteEnd implements CopySource {
  static open(path: string): SqliteSource {
    let database: DatabaseSync | undefined;
    try {
      checkReadable(path);
      // Opening a pipe, for example, would wait forever.
      checkRegularFile(path);
      database = new DatabaseSync(path, { readOnly: true });
      database.exec('PRAGMA trusted_schema = OFF');
      const mark = Number(database.prepare('PRAGMA application_id').get()?.application_id);
      const version = Number(database.prepare('PRAGMA user_version').get()?.user_version);
      const known = REGION_DATABASE.migrations.length;
      if (mark !== REGION_DATABASE.applicationId)
        throw new RackError('store-broken', `${path} is not a database of a region`);
      if (version !== known) {
        const remedy = version > known ? 'install the newer Rackboot' : 'start its region once with this Rackboot';
        throw new RackError(
          version > known ? 'store-newer' : 'store-broken',
          `${path} has version ${version}, this Rackboot ${known}: ${remedy}`,
        );
      }
      checkTables(path, database);
      database.exec('BEGIN');
      return new SqliteSource(path, database);
    } catch (error) {
      database?.close();
      if (error instanceof RackError) throw error;
      throw new RackError('store-broken', `${path} cannot be read: ${errorText(error)}`, { cause: error });
    }
  }

  async lastId({ name }: CopiedTable): Promise<number> {
    return this.reading(name, () =>
      Number(this.database.prepare('SELECT seq FROM sqlite_sequence WHERE name = ?').get(name)?.seq ?? 0),
    );
  }

  async marks(): Promise<BackupMarks | undefined> {
    return this.reading(MARKS, () => {
      const { database } = this;
      const isMarked = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(MARKS);
      if (isMarked === undefined || database.prepare('PRAGMA journal_mode').get()?.journal_mode === 'wal')
        return undefined;
      const rows = database.prepare(`SELECT name, digest, last_id FROM ${MARKS} LIMIT ?`).all(copiedTables().length);
      return {
        tables: new Map(
          rows.map((row) => [String(row.name), { digest: String(row.digest), lastId: Number(row.last_id) }]),
        ),
        removal: `sqlite3 ${shellWord(this.name)} 'DROP TABLE ${MARKS}'`,
      };
    });
  }
}

/**
 * A view in the place of a table could have rows without end, and a generated column values of any size (sqlite.org/pragma.html,
 * `table_xinfo`). @throws RackError `store-broken`
 */
function checkTables(path: string, database: DatabaseSync): void {
  const sql = "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type <> 'table' LIMIT 1";
  const other = database.prepare(sql).get();
  if (other !== undefined)
    throw strange(path, `${cleanText(String(other.name))} is not a table (${String(other.type)})`);
  const columns =
    "SELECT tables.name AS name, columns.name AS column FROM pragma_table_list AS tables JOIN pragma_table_xinfo(tables.name, 'main') AS columns " +
    "WHERE tables.schema = 'main' AND columns.hidden <> 0 LIMIT 1";
  const made = database.prepare(columns).get();
  if (made === undefined) return;
  const [table, column] = [String(made.name), String(made.column)].map((name) => cleanText(name));
  throw strange(path, `the column ${column} of the table ${table} is generated`);
}

const strange = (path: string, what: string): RackError =>
  new RackError('store-broken', `${path}: ${what}, so no region wrote the file: take another backup`);

/** The remedies in errors about a target, by what the user named. */
interface TargetWords {
  /** For a name that is taken. */
  readonly taken: string;
  /** How to use another directory. */
  readonly elsewhere: string;
}

const AWAY = 'move it and its logs (region.db*) away together';
/** The remedies for the file of a backup, the directory of a copy, and the configuration file to restore into. */
export const TARGET_WORDS = {
  backup: { taken: 'name a new file, or move this one away', elsewhere: 'name a file in another directory' },
  copy: { taken: `name a new directory, or ${AWAY}`, elsewhere: 'name another directory' },
  restore: { taken: AWAY, elsewhere: 'set state_dir to another directory' },
} as const satisfies Readonly<Record<string, TargetWords>>;

/** Writes a new file. */
export class SqliteTarget extends SqliteEnd implements CopyTarget {
  readonly #path: string;
  readonly #words: TargetWords;
  readonly #isBackup: boolean;

  private constructor(path: string, words: TargetWords, isBackup: boolean, database: DatabaseSync) {
    super(`${path}${UNFINISHED}`, database);
    this.#path = path;
    this.#words = words;
    this.#isBackup = isBackup;
  }

  /**
   * Opens a new file, or the unfinished file of an interrupted copy.
   * @param isAfresh true: a backup, which removes an unfinished file, because the source has changed since
   * @throws RackError `already-exists`, `already-running` if another process writes it, and those of a database file
   */
  static open(
    path: string,
    isAfresh: boolean,
    words: TargetWords = isAfresh ? TARGET_WORDS.backup : TARGET_WORDS.copy,
  ): SqliteTarget {
    const directory = dirname(path);
    if (existsSync(directory)) checkWritable(directory);
    checkFree(path, words);
    if (!existsSync(directory)) makeStateDirectory(directory, { title: 'directory', elsewhere: words.elsewhere });
    const unfinished = `${path}${UNFINISHED}`;
    let how = makePrivateFile(unfinished);
    if (how === 'found' && isAfresh) {
      // Only the process that has it locked may remove it.
      const left = openLocked(unfinished, words.elsewhere);
      removeFiles(unfinished);
      left.close();
      how = makePrivateFile(unfinished);
    }
    try {
      const target = new SqliteTarget(path, words, isAfresh, openLocked(unfinished, words.elsewhere));
      if (how === 'found') target.#forgetCounters();
      return target;
    } catch (error) {
      // Another process may have found the new file, and have it locked.
      const isOurs = how === 'made' && !(error instanceof RackError && error.code === 'already-running');
      if (isOurs) removeFiles(unfinished);
      throw error;
    }
  }

  /** Its file is unfinished: `open` refuses a finished one. */
  async isUsable(): Promise<boolean> {
    return false;
  }

  /** Does nothing: the unfinished file has another name until `finish`. */
  async begin(): Promise<void> {}

  async write(table: CopiedTable, rows: readonly CopiedRow[]): Promise<void> {
    const { name, columns } = table;
    this.#writing(() => {
      const insertion = this.database.prepare(
        `INSERT INTO ${name} (${columns.map((column) => column.name).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      );
      this.database.exec('BEGIN IMMEDIATE');
      for (const row of rows) {
        try {
          insertion.run(...row);
        } catch (error) {
          if (sqliteCode(error) !== SQLITE_CONSTRAINT) throw error;
          const text = `the table ${name} has a row that a region cannot store, ${rowName(table, row)} (${errorText(error)}): correct or remove it at the source, or take another backup`;
          throw new RackError('store-broken', text, { cause: error });
        }
      }
      this.database.exec('COMMIT');
    });
  }

  async finish(lastIds: ReadonlyMap<string, number>, digests: ReadonlyMap<string, string>): Promise<void> {
    const { database } = this;
    this.#writing(() => {
      // First what needs most room on the disk.
      database.exec('PRAGMA journal_mode = DELETE; BEGIN IMMEDIATE');
      for (const [name, last] of lastIds) {
        database
          .prepare(
            'INSERT INTO sqlite_sequence (name, seq) SELECT ?1, 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)',
          )
          .run(name);
        database.prepare('UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?').run(last, name);
      }
      // New versions must be higher than all copied ones.
      database.exec(
        "INSERT INTO counter (name, value) SELECT 'desired-version', max(value) FROM (SELECT 0 AS value UNION ALL SELECT max(desired_version) FROM machine " +
          "UNION ALL SELECT max(version) FROM gone_machine UNION ALL SELECT value FROM counter WHERE name IN ('desired-version', 'desired-rest')) " +
          'WHERE true ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      );
      database.exec('COMMIT');
    });
    if (this.#isBackup) await this.#mark(digests);
    checkFree(this.#path, this.#words);
    renameSync(this.name, this.#path);
    database.close();
    removeFiles(this.name);
  }

  /** Adds the table MARKS. The digests are those of the source, but for the counters, which finishing may have raised. */
  async #mark(digests: ReadonlyMap<string, string>): Promise<void> {
    const { database } = this;
    const marked = new Map(digests);
    for (const table of copiedTables()) {
      if (table.name === 'counter') marked.set(table.name, await digestOf(this, table));
    }
    this.#writing(() => {
      database.exec('BEGIN IMMEDIATE');
      database.exec(
        `CREATE TABLE ${MARKS} (name TEXT PRIMARY KEY, digest TEXT NOT NULL, last_id INTEGER NOT NULL) STRICT`,
      );
      const insertion = database.prepare(
        `INSERT INTO ${MARKS} SELECT ?1, ?2, coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?1), 0)`,
      );
      for (const [name, digest] of marked) insertion.run(name, digest);
      database.exec('COMMIT');
    });
  }

  #forgetCounters(): void {
    try {
      this.#writing(() => this.database.exec('DELETE FROM counter'));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Removes what was written. */
  discard(): void {
    removeFiles(this.name);
    this.close();
  }

  /** Writes to the database. @throws RackError `store-unavailable` for a full or failing disk */
  #writing(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (error instanceof RackError) throw error;
      const why = isFullDisk(this.#path, error)
        ? 'the disk is full; make room'
        : `${errorText(error)}; look for errors of the disk (dmesg)`;
      const text = `${this.#path} cannot be written: ${why}, and repeat the command`;
      throw new RackError('store-unavailable', text, { cause: error });
    }
  }
}

/** @throws RackError `already-exists` if there is a file of this name, be it a link without a file, or the log of a former one, which would be replayed into the new one */
function checkFree(path: string, { taken }: TargetWords): void {
  if (existsSync(path)) throw new RackError('already-exists', `${path} exists: ${taken}`);
  const missing = linkTarget(path);
  if (missing !== undefined)
    throw new RackError('already-exists', `${path} is a link to ${missing}, which is missing: ${taken}`);
  for (const companion of COMPANIONS) {
    const log = `${path}${companion}`;
    const bytes = foundStats(log)?.size ?? 0;
    if (companion === '-shm' || bytes === 0) continue;
    const text = `${log} belongs to an earlier ${basename(path)}, and its ${counted(bytes, 'byte')} would change the new one: move it next to the earlier file, under the same name`;
    throw new RackError('already-exists', text);
  }
}

/** @throws RackError as `fileFault` */
export function checkReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw fileFault(path, error);
  }
}

/** @throws RackError `permission-denied` */
function checkWritable(directory: string): void {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    const text = `${ownUserName()}, who runs the region, cannot write into ${directory} (${osErrorCode(error)}): name a file in a directory of that user, such as the region's own`;
    throw new RackError('permission-denied', text, { cause: error });
  }
}
