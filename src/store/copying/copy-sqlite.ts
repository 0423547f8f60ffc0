// A file of SQLite as an end of a copy (`region-copy.ts`): a region.db, or a backup, which is such a file.
//
// 1. The source is read in one transaction: the copy has its contents of one moment, even while others write to it.
// 2. The target is written under another name in its directory, and renamed when it is whole. One process at a time writes it, and a file that
//    a killed one left is written afresh.
// 3. The target is a new file of this user, which no other user can read or has put there. A log that an earlier database of its name left
//    behind would change it: such a target is refused.

import { accessSync, closeSync, constants, existsSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { counted } from '../../counted.ts';
import { errorText, osErrorCode, RackError } from '../../errors.ts';
import { foundStats, linkTarget } from '../../files/found-stats.ts';
import { ownUserName } from '../../files/ownership.ts';
import { fileFault } from '../../files/read-fault.ts';
import { checkRegularFile, openRegularFile } from '../../files/regular-file.ts';
import {
  COMPANIONS,
  isFullDisk,
  makeStateDirectory,
  openDatabaseFile,
  SQLITE_BUSY,
  sqliteCode,
  writeRefused,
} from '../database-file.ts';
import { UNFINISHED } from '../region/lost-region.ts';
import { REGION_DATABASE } from '../region/region-schema.ts';
import { insertInto } from '../rows.ts';
import {
  bytesOf,
  CHUNK_BYTES,
  type CopiedRow,
  type CopiedTable,
  type CopySource,
  type CopyTarget,
} from './region-copy.ts';

// The unfinished file of a copy or a backup: made for this user alone, open in one process at a time, and removed if a killed process left it.

/**
 * Makes the file, readable by this user alone, unless it is there.
 * @throws RackError `store-unwritable` if it is there but is a link, belongs to another user, or others may use it
 */
function makePrivateFile(path: string): 'made' | 'found' {
  try {
    closeSync(openRegularFile(path, 'new'));
    return 'made';
  } catch (cause) {
    if (osErrorCode(cause) !== 'EEXIST') throw writeRefused(path, cause);
  }
  if (isPrivate(path)) return 'found';
  throw new RackError(
    'store-unwritable',
    `${path} is not a private file of ${ownUserName()}: remove it, and repeat the command`,
  );
}

function isPrivate(path: string): boolean {
  const found = lstatSync(path);
  return found.isFile() && found.uid === process.geteuid?.() && (found.mode & 0o077) === 0;
}

/**
 * Opens the file, which no other process can then open.
 * @param elsewhere how to use another place, for the error about another program's file @throws RackError `already-running` if another one has it
 */
function openLocked(path: string, elsewhere: string): DatabaseSync {
  // A copy may go where another region was: leave out the check for a lost file.
  const { findLoss: _unasked, ...region } = REGION_DATABASE;
  const kind = { ...region, elsewhere };
  let database: DatabaseSync | undefined;
  try {
    database = openDatabaseFile(path, kind);
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT');
    return database;
  } catch (cause) {
    if (database?.isOpen) database.close();
    const error = cause instanceof RackError ? cause.cause : cause;
    if (sqliteCode(error) !== SQLITE_BUSY) throw cause;
    throw new RackError('already-running', `another process writes ${path}: wait until it has ended`, { cause });
  }
}

/** Removes the file, and those that SQLite writes next to it, if they exist. */
function removeFiles(path: string): void {
  for (const companion of ['', ...COMPANIONS]) rmSync(`${path}${companion}`, { force: true });
}

/** Reads a file as it is at this moment. */
export class SqliteSource implements CopySource {
  readonly #path: string;
  readonly #database: DatabaseSync;

  private constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
  }

  /** @throws RackError `not-found`, `store-broken`, `store-newer` */
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
      database.exec('BEGIN');
      return new SqliteSource(path, database);
    } catch (error) {
      database?.close();
      if (error instanceof RackError) throw error;
      throw new RackError('store-broken', `${path} cannot be read: ${errorText(error)}`, { cause: error });
    }
  }

  async read({ name, columns, order }: CopiedTable, offset: number, limit: number): Promise<readonly CopiedRow[]> {
    const by = order.map((column) => column.name).join(', ');
    const names = columns.map((column) => column.name);
    const sql = `SELECT ${names.join(', ')} FROM ${name} ORDER BY ${by} LIMIT ? OFFSET ?`;
    try {
      const rows: CopiedRow[] = [];
      let bytes = 0;
      for (const row of this.#database.prepare(sql).iterate(limit, offset)) {
        const copied = names.map((column) => row[column] ?? null);
        rows.push(copied);
        bytes += bytesOf(copied);
        if (bytes >= CHUNK_BYTES) break;
      }
      return rows;
    } catch (error) {
      const text = `${this.#path}: the table ${name} cannot be read (${errorText(error)}): take another backup`;
      throw new RackError('store-broken', text, { cause: error });
    }
  }

  async lastId({ name }: CopiedTable): Promise<number> {
    return Number(this.#database.prepare('SELECT seq FROM sqlite_sequence WHERE name = ?').get(name)?.seq ?? 0);
  }

  close(): void {
    this.#database.close();
  }
}

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
export class SqliteTarget implements CopyTarget {
  readonly name: string;
  readonly #path: string;
  readonly #words: TargetWords;
  readonly #database: DatabaseSync;

  private constructor(path: string, words: TargetWords, database: DatabaseSync) {
    this.name = `${path}${UNFINISHED}`;
    this.#path = path;
    this.#words = words;
    this.#database = database;
  }

  /** @throws RackError `already-exists`, `already-running` if another process writes it, and those of a database file */
  static open(path: string, words: TargetWords): SqliteTarget {
    const directory = dirname(path);
    if (existsSync(directory)) checkWritable(directory);
    checkFree(path, words);
    if (!existsSync(directory)) makeStateDirectory(directory, { title: 'directory', elsewhere: words.elsewhere });
    const unfinished = `${path}${UNFINISHED}`;
    if (makePrivateFile(unfinished) === 'found') {
      // Only the process that has it locked may remove it.
      const left = openLocked(unfinished, words.elsewhere);
      removeFiles(unfinished);
      left.close();
      makePrivateFile(unfinished);
    }
    return new SqliteTarget(path, words, openLocked(unfinished, words.elsewhere));
  }

  async isEmpty(): Promise<boolean> {
    return true;
  }

  async write({ name, columns }: CopiedTable, rows: readonly CopiedRow[]): Promise<void> {
    const names = columns.map((column) => column.name);
    this.#writing(() => {
      const insertion = this.#database.prepare(insertInto(name, names));
      this.#database.exec('BEGIN IMMEDIATE');
      for (const row of rows) insertion.run(...row);
      this.#database.exec('COMMIT');
    });
  }

  async finish(lastIds: ReadonlyMap<string, number>): Promise<void> {
    const database = this.#database;
    this.#writing(() => {
      // First what needs most room on the disk.
      database.exec('PRAGMA journal_mode = DELETE; BEGIN IMMEDIATE; DELETE FROM sqlite_sequence');
      const given = database.prepare('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)');
      for (const [name, last] of lastIds) given.run(name, last);
      // PostgreSQL counts versions by a sequence, and new ones must be higher than all copied ones.
      database.exec(
        "INSERT INTO counter (name, value) SELECT 'desired-version', max(value) FROM (SELECT 0 AS value UNION ALL SELECT max(desired_version) FROM machine " +
          "UNION ALL SELECT max(version) FROM gone_machine UNION ALL SELECT value FROM counter WHERE name IN ('desired-version', 'desired-rest')) " +
          'WHERE true ON CONFLICT (name) DO UPDATE SET value = excluded.value; COMMIT',
      );
    });
    checkFree(this.#path, this.#words);
    renameSync(this.name, this.#path);
    this.close();
  }

  /** Removes what was written, unless it is finished. */
  close(): void {
    if (!this.#database.isOpen) return;
    removeFiles(this.name);
    this.#database.close();
  }

  /** Writes to the database. @throws RackError `store-unavailable` for a full or failing disk */
  #writing(write: () => void): void {
    try {
      write();
    } catch (error) {
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
