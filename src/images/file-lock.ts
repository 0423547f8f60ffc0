// Locks held by one process at a time: SQLite's lock on an empty file. The kernel releases it however the process ends.
// Sources: sqlite.org/lockingv3.html, sqlite.org/rescode.html (SQLITE_BUSY).
//
//   tryLock       a lasting file
//   lockImport    the file of one download, or of one upload, which is removed with the release
//
// 1. The file of an import's lock is opened and removed only under the lock `.imports.lock` of the directory above. So nobody locks a file
//    that has been removed, while another process locks a new one of that name. A killed process leaves a file, which the next one locks.
// 2. A link is refused: SQLite would create the file that it names.

import { lstatSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sleep } from '../clock.ts';
import { errorText, RackError } from '../errors.ts';

/** How long to wait for the lock under which others are opened, in milliseconds; it is held for less than one. */
const OPENING_WAIT_MS = 5000;
const OPENING = '.imports.lock';
/** How often a waiting import looks again, in milliseconds. */
const RETRY_MS = 200;
/** How long an import waits for another download of the same bytes, in milliseconds. */
const WAIT_MS_MAX = 60 * 60 * 1000;
const SQLITE_BUSY = 5;

/** A lock that is held. */
interface HeldLock {
  release(): void;
}

/**
 * Locks a download; creates its file if it is missing.
 * @param title the name of the import in error messages
 * @throws RackError `already-running` if another import holds the lock, `store-unwritable` if the file cannot be locked
 */
export function lockImport(path: string, title: string): HeldLock {
  const lock = tryImport(path);
  if (lock !== undefined) return lock;
  throw new RackError('already-running', `another process is importing ${title}: wait for it, or stop it`);
}

/**
 * Locks several downloads, one after the other in the order of their names, and waits while other imports hold them.
 * @throws RackError as `lockImport`, `already-running` after WAIT_MS_MAX; `cancelled`
 */
export async function waitForImports(
  paths: readonly string[],
  title: string,
  signal: AbortSignal | undefined,
): Promise<HeldLock> {
  const held: HeldLock[] = [];
  const release = (): void => {
    for (const lock of held) lock.release();
  };
  try {
    // The same order everywhere, so that no two imports wait for each other.
    for (const path of [...new Set(paths)].sort()) held.push(await waitForImport(path, title, signal));
    return { release };
  } catch (error) {
    release();
    throw error;
  }
}

async function waitForImport(path: string, title: string, signal: AbortSignal | undefined): Promise<HeldLock> {
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += RETRY_MS) {
    if (signal?.aborted === true) throw new RackError('cancelled', 'the import was stopped');
    const lock = tryImport(path);
    if (lock !== undefined) return lock;
    await sleep(RETRY_MS);
  }
  return lockImport(path, title);
}

/** Locks a download, or an upload. @returns undefined if another holds the lock @throws RackError `store-unwritable` */
export function tryImport(path: string): HeldLock | undefined {
  const opening = openingOf(path);
  try {
    const lock = tryLock(path, 0);
    return lock === undefined ? undefined : { release: () => remove(path, lock) };
  } finally {
    opening.release();
  }
}

function remove(path: string, lock: HeldLock): void {
  let opening: HeldLock | undefined;
  try {
    opening = openingOf(path);
    rmSync(path, { force: true });
  } catch {
    // A file that stays does no harm: the next import locks it.
  }
  lock.release();
  opening?.release();
}

function openingOf(path: string): HeldLock {
  const opening = join(dirname(dirname(path)), OPENING);
  const lock = tryLock(opening, OPENING_WAIT_MS);
  if (lock !== undefined) return lock;
  const remedy = `end it (\`fuser ${opening}\` shows it)`;
  throw new RackError(
    'store-unwritable',
    `another process has held ${opening} for ${OPENING_WAIT_MS / 1000} s: ${remedy}`,
  );
}

/** Works while it holds a lock. @throws RackError as `lockImport` */
export async function whileLocked<T>(path: string, title: string, work: () => Promise<T>): Promise<T> {
  const lock = lockImport(path, title);
  try {
    return await work();
  } finally {
    lock.release();
  }
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
