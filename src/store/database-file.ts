// Opens one of our SQLite files: ours or new, of a known version, migrated, and durable.
//
// Sources: sqlite.org/pragma.html (application_id, user_version, quick_check), /wal.html,
// /lang_vacuum.html, /rescode.html.
//
// 1. `application_id` marks the file as ours, `user_version` counts its migrations. A newer file is
//    refused untouched.
// 2. A migration is one transaction. A copy of the old file lies next to it before it runs.
// 3. WAL with synchronous=FULL: a commit that returned is on disk.

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeDirectories } from '../files/durable-directory.ts';
import { composeOwnershipRemedy, findOwnUserName } from '../files/ownership.ts';
import { statIfVisible } from '../files/seen-stats.ts';
import { errorText, osErrorCode, RackError } from '../ground/errors.ts';
import { Statements } from './rows.ts';
import { answerStatementOn, runSteps, type Steps } from './steps.ts';

/** How long a statement waits for another process, in milliseconds. */
const BUSY_TIMEOUT_MS = 5000;
/** A checkpoint cuts a write-ahead log that grew in a burst back to this size. */
const WAL_BYTES_KEPT_MAX = 16 * 1024 * 1024;
/** With less free space, an I/O error means a full disk: the shared-memory file could not grow. */
const FREE_BYTES_MIN = 1024 * 1024;

/** Suffixes of the files that SQLite writes next to a database. */
export const COMPANIONS = ['-wal', '-shm', '-journal'];

export const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
export const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;
export const BROKEN_CODES: ReadonlySet<number> = new Set([SQLITE_CORRUPT, SQLITE_NOTADB]);

/** SQL for the tables, and optionally an operation that moves rows into them. */
export type Migration = string | readonly [sql: string, move: () => Steps<void>];

/** Both parts of a migration; SQL alone moves nothing. */
export const readMigration = (migration: Migration): readonly [sql: string, move?: () => Steps<void>] =>
  typeof migration === 'string' ? [migration] : migration;

export interface DatabaseKind {
  /** Its name in messages: `lease database`. */
  readonly title: string;
  /** 32 bits that mark the file as ours. */
  readonly applicationId: number;
  /** How to use another location for it; default: another state directory. */
  readonly elsewhere?: string;
  /** The first migration makes version 1, each further one the next version. */
  readonly migrations: readonly Migration[];
}

/** The tables of a version, empty, in memory. Close it. @param version default: the newest */
export function makeEmptyTables({ migrations }: DatabaseKind, version = migrations.length): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  for (const step of migrations.slice(0, version)) database.exec(readMigration(step)[0]);
  return database;
}

/** `undefined` if SQLite did not throw the error. */
export function readSqliteCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

export interface DirectoryTexts {
  readonly title: string;
  readonly elsewhere: string;
}

const STATE_DIRECTORY_TEXTS: DirectoryTexts = {
  title: 'state directory',
  elsewhere: 'set state_dir to another directory',
};

/** Creates a directory and its parents durably. @throws RackError `store-unwritable` */
export function makeStateDirectory(path: string, texts = STATE_DIRECTORY_TEXTS): void {
  try {
    makeDirectories(path, 0o750);
  } catch (cause) {
    throw uncreatableError(path, texts, cause);
  }
}

/** Why this user cannot create the directory; `undefined` if it can, or the directory exists. */
export function findUncreatable(path: string): RackError | undefined {
  if (existsSync(path)) return undefined;
  let parent = dirname(resolve(path));
  while (!existsSync(parent) && parent !== dirname(parent)) parent = dirname(parent);
  try {
    accessSync(parent, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (cause) {
    return uncreatableError(path, STATE_DIRECTORY_TEXTS, cause);
  }
}

const uncreatableError = (path: string, { title, elsewhere }: DirectoryTexts, cause: unknown): RackError =>
  new RackError(
    'store-unwritable',
    `${title} ${path} cannot be created (${osErrorCode(cause) ?? errorText(cause)}): ` +
      `create it for the user that runs Rackboot: sudo install -d -o ${findOwnUserName()} -g "$(id -gn ${findOwnUserName()})" -m 750 ${path}; or ${elsewhere}`,
    { cause },
  );

/**
 * @param runMigration runs the migration of older tables, or throws instead
 * @throws RackError `store-newer`, `store-broken`, `store-unwritable`; `store-unavailable` if the
 * disk is full or the file is held
 */
export function openDatabaseFile(
  path: string,
  kind: DatabaseKind,
  runMigration: (migration: () => void) => void = (migration) => migration(),
): DatabaseSync {
  makeStateDirectory(dirname(path));
  let database: DatabaseSync | undefined;
  try {
    makePrivate(path);
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    const openedDatabase = database;
    const version = readSchemaVersion(database, path, kind);
    database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${WAL_BYTES_KEPT_MAX}`,
    );
    database.exec('PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY');
    if (version === 0) migrate(database, path, kind, version);
    else if (version < kind.migrations.length) runMigration(() => migrate(openedDatabase, path, kind, version));
    return database;
  } catch (cause) {
    if (database?.isOpen) database.close();
    throw cause instanceof RackError ? cause : explainFailure(path, kind, cause);
  }
}

/** SQLite would make the file readable for all users. Its companions get the same mode. */
export function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'a', 0o600));
  } catch (cause) {
    throw writeRefusedError(path, cause);
  }
}

export function writeRefusedError(path: string, cause: unknown): RackError {
  const code = osErrorCode(cause);
  if (code === 'ENOSPC') return fullDiskError(path, cause);
  if (code === 'EROFS') return readOnlyError(path, cause);
  return unwritableFileError(path, code ?? errorText(cause), cause);
}

function unwritableFileError(path: string, detail: string, cause: unknown): RackError {
  return new RackError(
    'store-unwritable',
    `${path} cannot be written (${detail}): ${composeOwnershipRemedy(path, dirname(path))}`,
    { cause },
  );
}

/**
 * 0 if it is still empty.
 * @throws RackError `store-broken`, `store-newer`
 */
export function readSchemaVersion(database: DatabaseSync, path: string, kind: DatabaseKind): number {
  const { elsewhere = STATE_DIRECTORY_TEXTS.elsewhere } = kind;
  const applicationId = queryPragma(database, 'PRAGMA application_id');
  const version = queryPragma(database, 'PRAGMA user_version');
  const tables = queryPragma(database, 'SELECT count(*) FROM sqlite_schema');
  if (applicationId === 0 && version === 0 && tables === 0) return 0;
  if (applicationId !== kind.applicationId) {
    throw new RackError(
      'store-broken',
      `${path} is not a ${kind.title} of Rackboot (application id ${applicationId}): move the file away, or ${elsewhere}`,
    );
  }
  if (version > kind.migrations.length) {
    throw new RackError(
      'store-newer',
      `${path} has version ${version}, but this Rackboot reads only up to ${kind.migrations.length}: start the newer Rackboot that wrote it, ` +
        'or restore the copy that it made next to the file',
    );
  }
  return version;
}

/**
 * Copies a database as of this moment, readable by this user alone. A missing or empty database has
 * no copy.
 * @throws RackError as `openDatabaseFile`
 */
export function copyDatabase(path: string, kind: DatabaseKind, target: string): void {
  if ((statIfVisible(path)?.size ?? 0) === 0) return;
  openToRead(path, kind, (database, version) => {
    if (version === 0) return;
    makePrivate(target);
    database.prepare('VACUUM INTO ?').run(target);
  }).close();
}

/**
 * Reads every page. Refuses triggers and whatever else the migrations do not make: the file may be
 * a stranger's.
 * @throws RackError `store-broken`, `store-newer`
 */
export const checkCopy = (path: string, kind: DatabaseKind): void =>
  openToRead(path, kind, (database, version) => {
    if (version === 0) throw brokenError(path, kind, 'it is empty', undefined);
    const emptyDatabase = makeEmptyTables(kind, version);
    const ownStatements = new Set(readSchema(emptyDatabase).map(({ sql }) => sql));
    emptyDatabase.close();
    const foreignObject = readSchema(database).find(({ sql }) => !ownStatements.has(sql));
    if (foreignObject !== undefined)
      throw brokenError(path, kind, `${foreignObject.name} is not of Rackboot`, undefined);
    const [verdict] = Object.values(database.prepare('PRAGMA quick_check(1)').get() ?? {});
    if (verdict !== 'ok') throw brokenError(path, kind, String(verdict), undefined);
  }).close();

export function openToRead(
  path: string,
  kind: DatabaseKind,
  work: (database: DatabaseSync, version: number) => void,
): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    database.exec('PRAGMA trusted_schema = OFF');
    work(database, readSchemaVersion(database, path, kind));
    return database;
  } catch (cause) {
    database?.close();
    throw cause instanceof RackError ? cause : explainFailure(path, kind, cause);
  }
}

function migrate(database: DatabaseSync, path: string, kind: DatabaseKind, version: number): void {
  const newestVersion = kind.migrations.length;
  if (version > 0) copyFile(database, `${path}.version-${version}`);
  database.exec('BEGIN IMMEDIATE');
  try {
    const statements = new Statements(database);
    for (const [sql, move] of kind.migrations.slice(version).map(readMigration)) {
      database.exec(sql);
      if (move !== undefined) runSteps(move(), (statement) => answerStatementOn(statements, statement));
    }
    database.exec(`PRAGMA application_id = ${kind.applicationId}; PRAGMA user_version = ${newestVersion}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function copyFile(database: DatabaseSync, target: string): void {
  const partPath = `${target}.part`;
  rmSync(partPath, { force: true });
  makePrivate(partPath);
  database.prepare('VACUUM INTO ?').run(partPath);
  const copy = openSync(partPath, 'r+');
  fsyncSync(copy);
  closeSync(copy);
  renameSync(partPath, target);
}

const readSchema = (database: DatabaseSync) => database.prepare('SELECT name, sql FROM sqlite_schema').all();

function queryPragma(database: DatabaseSync, sql: string): number {
  const row = database.prepare(sql).get();
  const value = row === undefined ? undefined : Object.values(row)[0];
  return typeof value === 'number' ? value : 0;
}

export function brokenError(path: string, kind: DatabaseKind, detail: string, cause: unknown): RackError {
  return new RackError(
    'store-broken',
    `${path} is a damaged ${kind.title} (${detail}): restore a backup, or move it and its -wal file away to start with an empty one`,
    { cause },
  );
}

function fullDiskError(path: string, cause: unknown): RackError {
  return new RackError('store-unavailable', `${path} cannot be opened: the disk is full; make room and start again`, {
    cause,
  });
}

function readOnlyError(path: string, cause: unknown): RackError {
  return new RackError(
    'store-unavailable',
    `${path} cannot be written: its file system is read-only; find the cause in the kernel's log (dmesg), check and remount it, and start again`,
    { cause },
  );
}

export function readFreeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

export function isFullDisk(path: string, error: unknown): boolean {
  const code = readSqliteCode(error);
  return code === SQLITE_FULL || (code === SQLITE_IOERR && readFreeBytes(dirname(path)) < FREE_BYTES_MIN);
}

export function explainFailure(path: string, kind: DatabaseKind, cause: unknown): RackError {
  const detail = errorText(cause);
  if (isFullDisk(path, cause)) return fullDiskError(path, cause);
  switch (readSqliteCode(cause)) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return brokenError(path, kind, detail, cause);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return unwritableFileError(path, detail, cause);
    case SQLITE_BUSY:
      return new RackError(
        'store-unavailable',
        `${path} is held by another process: end it (fuser ${path} shows which) and start again`,
        { cause },
      );
    default:
      return new RackError('store-unavailable', `${path} cannot be opened: ${detail}`, { cause });
  }
}
