// The unfinished file of a copy or a backup: made for this user alone, open in one process at a time, and removed if a killed process left it.

import { closeSync, type Dir, lstatSync, opendirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { osErrorCode, RackError } from '../../errors.ts';
import { foundStats } from '../../files/found-stats.ts';
import { ownUserName } from '../../files/ownership.ts';
import { openRegularFile } from '../../files/regular-file.ts';
import { COMPANIONS, openDatabaseFile, SQLITE_BUSY, sqliteCode, writeRefused } from '../database-file.ts';
import { UNFINISHED } from '../region/lost-region.ts';
import { REGION_DATABASE, REGION_FILE } from '../region/region-schema.ts';

/**
 * Makes the file, readable by this user alone, unless it is there.
 * @throws RackError `store-unwritable` if it is there but is a link, belongs to another user, or others may use it
 */
export function makePrivateFile(path: string): 'made' | 'found' {
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
export function openLocked(path: string, elsewhere: string): DatabaseSync {
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
export function removeFiles(path: string): void {
  for (const companion of ['', ...COMPANIONS]) rmSync(`${path}${companion}`, { force: true });
}

/**
 * Removes the unfinished files of killed backups from the directory of a new one, whatever their names: nothing else removes them, and each
 * is as large as the data. It leaves alone the files that a copy can continue, those of other users, and those that another process is
 * writing. @returns the removed files
 */
export function removeLeftBackups(path: string): readonly string[] {
  const removed: string[] = [];
  for (const left of leftBackups(dirname(path))) {
    try {
      if (!isPrivate(left)) continue;
      const database = openLocked(left, 'name another file');
      removeFiles(left);
      database.close();
      removed.push(left);
    } catch (error) {
      // It is not a database of ours, another process writes it, or removed it meanwhile.
      if (!(error instanceof RackError) && osErrorCode(error) === undefined) throw error;
    }
  }
  return removed;
}

function openDirectory(directory: string): Dir | undefined {
  try {
    return opendirSync(directory);
  } catch (error) {
    if (osErrorCode(error) === undefined) throw error;
    return undefined;
  }
}

function* leftBackups(directory: string): Generator<string> {
  // A missing directory has none, and an unreadable one is refused when the new backup is made.
  const entries = openDirectory(directory);
  if (entries === undefined) return;
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
      const left = join(directory, entry.name);
      if (!left.endsWith(UNFINISHED) || entry.name === `${REGION_FILE}${UNFINISHED}` || !entry.isFile()) continue;
      const size = [left, `${left}-wal`].reduce((sum, one) => sum + (foundStats(one)?.size ?? 0), 0);
      // An empty file does not say whose it is.
      if (size > 0) yield left;
    }
  } finally {
    entries.closeSync();
  }
}
