// The unfinished file of a copy or a backup: made for this user alone, open in one process at a time, and removed if a killed process left it.

import { closeSync, lstatSync, rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { osErrorCode, RackError } from '../../errors.ts';
import { ownUserName } from '../../files/ownership.ts';
import { openRegularFile } from '../../files/regular-file.ts';
import { COMPANIONS, openDatabaseFile, SQLITE_BUSY, sqliteCode, writeRefused } from '../database-file.ts';
import { REGION_DATABASE } from '../region/region-schema.ts';

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
