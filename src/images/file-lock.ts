// A lock held by one process at a time: SQLite's lock on an empty file. The kernel releases it however the process ends.
// Sources: sqlite.org/lockingv3.html, sqlite.org/rescode.html (SQLITE_BUSY).

import { DatabaseSync } from 'node:sqlite';
import { errorText, RackError } from '../errors.ts';

/** How long to wait for the lock of an import, in milliseconds: two processes that start together may block each other briefly. */
const WAIT_MS = 250;
const SQLITE_BUSY = 5;

/** A lock that is held. */
interface HeldLock {
  release(): void;
}

/**
 * Locks a download; creates its file if it is missing.
 * @param title the name of the import in error messages
 * @throws RackError `already-running` if another process holds the lock, `store-unwritable` if the file cannot be locked
 */
export function lockImport(path: string, title: string): HeldLock {
  const lock = tryLock(path, WAIT_MS);
  if (lock !== undefined) return lock;
  throw new RackError('already-running', `another process is importing ${title}: wait for it, or stop it`);
}

/**
 * Locks a file; creates it if it is missing.
 * @param waitMs how long to wait, without a turn of the event loop
 * @returns undefined if another holds the lock
 * @throws RackError `store-unwritable` if the file cannot be locked
 */
export function tryLock(path: string, waitMs: number): HeldLock | undefined {
  let database: DatabaseSync | undefined;
  try {
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
