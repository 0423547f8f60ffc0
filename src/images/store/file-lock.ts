// A lock held by one process at a time: SQLite's lock on an empty, lasting file. The kernel
// releases it however the process ends. Sources: sqlite.org/lockingv3.html, sqlite.org/rescode.html
// (SQLITE_BUSY).
//
// 1. A link is refused, because SQLite would create the file that it names.

import { lstatSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { errorText, RackError } from '../../ground/errors.ts';

const SQLITE_BUSY = 5;

/** A lock that is held until `release`. */
export interface HeldLock {
  release(): void;
}

/**
 * Locks a file. Creates it if it is missing.
 * @param waitMs how long to wait, without a turn of the event loop
 * @returns undefined if another process holds the lock
 * @throws RackError `store-unwritable` if the file cannot be locked
 */
export function tryLock(path: string, waitMs: number): HeldLock | undefined {
  let database: DatabaseSync | undefined;
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) throw new Error('it is not a file');
    const opened = new DatabaseSync(path, { timeout: waitMs });
    database = opened;
    opened.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return { release: () => opened.close() };
  } catch (cause) {
    database?.close();
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) return undefined;
    const remedy = 'remove it, and let the user who runs Rackboot write to its directory';
    throw new RackError('store-unwritable', `${path} cannot be locked (${errorText(cause)}): ${remedy}`, { cause });
  }
}
