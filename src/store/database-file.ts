// Opens one of our SQLite files: ours or nobody's, of a version we know, brought up to date, and durable. Says in one line what
// is wrong with a file that cannot be used, and what to do.
//
// Sources: sqlite.org/pragma.html (application_id, user_version, quick_check), /wal.html, /lang_vacuum.html, /rescode.html.
//
// 1. `application_id` says whose file it is, `user_version` how many migrations it has seen. A newer file is refused untouched, and so is one
//    of a build before the first release: these builds numbered their schemas by themselves.
// 2. A migration is one transaction, and a copy of the file as it was lies beside it before the first statement runs.
// 3. WAL with synchronous=FULL: a commit that returned is on disk. (SQLite as it is built into Node calls fsync for it, not fdatasync.)

import { closeSync, fsyncSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errorText, osErrorCode, RackError } from '../errors.ts';
import { makeDirectories } from '../files/durable-directory.ts';
import { ownershipRemedy, ownUserName } from '../files/ownership.ts';
import { checkRegularFile, openRegularFile, UnfitFile } from '../files/regular-file.ts';

/** How long a statement waits for another process that holds the file (a backup, a person with a shell). */
const BUSY_TIMEOUT_MS = 5000;
/** A write-ahead log that grew in a burst is cut back to this at the next checkpoint. */
const WAL_BYTES_KEPT_MAX = 16 * 1024 * 1024;
/** With less room than this, an error of input and output is one of a full disk: the shared-memory file could not grow. */
const FREE_BYTES_MIN = 1024 * 1024;

/** What SQLite writes beside a database, by the end of its name. */
const COMPANIONS = ['-wal', '-shm', '-journal'];

/** What SQLite's primary result codes mean for us (sqlite.org/rescode.html). */
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

export interface DatabaseKind {
  /** What it is called in messages: `lease database`. */
  readonly title: string;
  /** 32 bits that mark the file as ours. */
  readonly applicationId: number;
  /** The mark of builds before the first release, whose schemas are not those of `migrations`; undefined: none differed. */
  readonly unreleasedId?: number;
  /** SQL, one step a version: the first step makes version 1 in an empty file, each further one the next version. */
  readonly migrations: readonly string[];
}

/** SQLite's primary result code of a thrown value, or undefined when it is not SQLite's. */
export function sqliteCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

/**
 * Creates a directory and those above it, and makes that durable.
 * @throws RackError `store-unwritable`
 */
export function makeStateDirectory(path: string): void {
  try {
    makeDirectories(path, 0o750);
  } catch (cause) {
    throw new RackError(
      'store-unwritable',
      `state directory ${path} cannot be created (${osErrorCode(cause) ?? errorText(cause)}): ` +
        `create it for the user that runs Rackboot: sudo install -d -o ${ownUserName()} -m 750 ${path}; or set state_dir to another one`,
      { cause },
    );
  }
}

/**
 * Opens or creates a database and brings it to the newest version.
 * @throws RackError `store-newer`, `store-unreleased`, `store-broken`, `store-unwritable`; `store-unavailable` when the disk is full or another
 * process holds the file
 */
export function openDatabaseFile(path: string, kind: DatabaseKind): DatabaseSync {
  makeStateDirectory(dirname(path));
  for (const companion of COMPANIONS) checkRegular(path, companion);
  const wasCut = fileSize(`${path}-wal`) > 0;
  let database: DatabaseSync | undefined;
  try {
    makePrivate(path);
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    const version = versionOf(database, path, kind);
    // Only after a process was cut off is it worth reading every page before serving.
    if (wasCut) checkPages(database, path, kind);
    database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${WAL_BYTES_KEPT_MAX}`,
    );
    database.exec('PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY');
    migrate(database, path, kind, version);
    return database;
  } catch (cause) {
    if (database?.isOpen) database.close();
    throw cause instanceof RackError ? cause : explain(path, kind, cause);
  }
}

/** Makes the file for its owner alone before SQLite would make it for everybody; its companions follow its mode. */
function makePrivate(path: string): void {
  try {
    closeSync(openRegularFile(path, 'append'));
  } catch (cause) {
    if (cause instanceof UnfitFile) throw unfit(path, cause);
    const code = osErrorCode(cause);
    if (code === 'ENOSPC') throw full(path, cause);
    if (code === 'EROFS') throw readOnly(path, cause);
    throw unwritable(path, code ?? errorText(cause), cause);
  }
}

function unwritable(path: string, detail: string, cause: unknown): RackError {
  return new RackError(
    'store-unwritable',
    `${path} cannot be written (${detail}): ${ownershipRemedy(path, dirname(path))}`,
    { cause },
  );
}

function unfit(path: string, cause: UnfitFile): RackError {
  return new RackError('store-broken', `${path} is not used: ${cause.message}; move it away, or put back a backup`, {
    cause,
  });
}

/** @throws RackError `store-broken` when something else than a file lies there, `store-unwritable` when this user may not look */
function checkRegular(database: string, companion: string): void {
  const path = `${database}${companion}`;
  try {
    // Not opened: closing it would end the locks that this process has on it (sqlite.org/howtocorrupt.html §2.2).
    checkRegularFile(path);
  } catch (cause) {
    if (cause instanceof UnfitFile) throw unfit(path, cause);
    // The first look into the directory: whoever does not own it is stopped here.
    throw unwritable(database, osErrorCode(cause) ?? errorText(cause), cause);
  }
}

function fileSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * The version of a file that is to be of this kind; 0: nothing was written into it yet.
 * @throws RackError `store-broken` for a file of another program, `store-unreleased`, `store-newer`
 */
export function versionOf(database: DatabaseSync, path: string, kind: DatabaseKind): number {
  const owner = readNumber(database, 'PRAGMA application_id');
  const version = readNumber(database, 'PRAGMA user_version');
  const tables = readNumber(database, 'SELECT count(*) FROM sqlite_schema');
  if (owner === 0 && version === 0 && tables === 0) return 0;
  if (owner === kind.unreleasedId) {
    throw new RackError(
      'store-unreleased',
      `${path} (version ${version}) was written by a Rackboot from before the first release, and no release reads it: ` +
        `go on with that Rackboot, or move the file and its -wal file away to begin with an empty ${kind.title}, or set state_dir to another directory`,
    );
  }
  if (owner !== kind.applicationId) {
    throw new RackError(
      'store-broken',
      `${path} is not a ${kind.title} of Rackboot (application id ${owner}): move the file away, or set state_dir to another directory`,
    );
  }
  if (version > kind.migrations.length) {
    throw new RackError(
      'store-newer',
      `${path} has version ${version}, this Rackboot knows up to ${kind.migrations.length}: start the newer Rackboot that wrote it, ` +
        'or put back the copy that it made beside the file',
    );
  }
  return version;
}

function checkPages(database: DatabaseSync, path: string, kind: DatabaseKind): void {
  const row = database.prepare('PRAGMA quick_check(1)').get();
  const verdict = row === undefined ? 'no answer' : String(Object.values(row)[0]);
  if (verdict !== 'ok') throw broken(path, kind, verdict, undefined);
}

function migrate(database: DatabaseSync, path: string, kind: DatabaseKind, version: number): void {
  const newest = kind.migrations.length;
  if (version === newest) return;
  if (version > 0) copyFile(database, `${path}.version-${version}`);
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const step of kind.migrations.slice(version)) database.exec(step);
    database.exec(`PRAGMA application_id = ${kind.applicationId}; PRAGMA user_version = ${newest}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Writes a copy, as private as the file, that is whole or not there at all; an earlier one of the same name is replaced. */
function copyFile(database: DatabaseSync, target: string): void {
  const part = `${target}.part`;
  rmSync(part, { force: true });
  makePrivate(part);
  database.prepare('VACUUM INTO ?').run(part);
  const copy = openRegularFile(part, 'change');
  fsyncSync(copy);
  closeSync(copy);
  renameSync(part, target);
}

function readNumber(database: DatabaseSync, sql: string): number {
  const row = database.prepare(sql).get();
  const value = row === undefined ? undefined : Object.values(row)[0];
  return typeof value === 'number' ? value : 0;
}

/** What is said of a file whose contents cannot be true. */
export function broken(path: string, kind: DatabaseKind, detail: string, cause: unknown): RackError {
  return new RackError(
    'store-broken',
    `${path} is not a sound ${kind.title} (${detail}): put back a backup, or move it and its -wal file away to begin with an empty one`,
    { cause },
  );
}

function full(path: string, cause: unknown): RackError {
  return new RackError('store-unavailable', `${path} cannot be opened: the disk is full; make room and start again`, {
    cause,
  });
}

function readOnly(path: string, cause: unknown): RackError {
  return new RackError(
    'store-unavailable',
    `${path} cannot be written: its file system is read-only; see in the kernel's log why (dmesg), check it and mount it anew, and start again`,
    { cause },
  );
}

function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

/** What a failure to open means to the operator. */
function explain(path: string, kind: DatabaseKind, cause: unknown): RackError {
  const detail = errorText(cause);
  switch (sqliteCode(cause)) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return broken(path, kind, detail, cause);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return unwritable(path, detail, cause);
    case SQLITE_FULL:
      return full(path, cause);
    case SQLITE_IOERR:
      if (freeBytes(dirname(path)) < FREE_BYTES_MIN) return full(path, cause);
      return new RackError(
        'store-unavailable',
        `${path} cannot be opened (${detail}): look into the kernel's log for what the disk reports, and start again`,
        { cause },
      );
    case SQLITE_BUSY:
      return new RackError(
        'store-unavailable',
        `${path} is held by another process: end it (fuser ${path} tells which) and start again`,
        { cause },
      );
    default:
      return new RackError('store-unavailable', `${path} cannot be opened: ${detail}`, { cause });
  }
}
