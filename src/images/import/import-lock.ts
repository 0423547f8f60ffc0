// A lock on the place of a download, held by one process at a time: SQLite's own on an empty file, which the kernel releases however the
// process ends. Source: sqlite.org/lockingv3.html.

import { DatabaseSync } from 'node:sqlite';
import { RackError } from '../../errors.ts';

/** How long two processes that begin at the same time try, in milliseconds. */
const WAIT_MS = 250;

/**
 * Locks a file, which is made if it is missing.
 * @param title of the import, for people
 * @throws RackError `already-running` if another process holds the lock
 */
export function lockImport(path: string, title: string): { release(): void } {
  const database = new DatabaseSync(path, { timeout: WAIT_MS });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    throw new RackError('already-running', `another process imports ${title}: wait for it, or stop it`, { cause });
  }
  return { release: () => database.close() };
}
