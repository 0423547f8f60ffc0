// Locks held by one process at a time: SQLite's lock on an empty file. The kernel releases it however the process ends.
// Sources: sqlite.org/lockingv3.html, sqlite.org/rescode.html (SQLITE_BUSY).
//
//   lockBriefly   a lasting file, under which files of the store are written
//   tryLock       any other lasting file
//   lockImport    the file of one download, or of one upload, which is removed with the release
//
// 1. A removed file may still be opened by a process that has seen it before. So the lock of an import counts only if its file is the same
//    before and after it was locked. A killed process leaves a file, which the next one locks.
// 2. A link is refused: SQLite would create the file that it names.

import { closeSync, lstatSync, openSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { sleep } from '../clock.ts';
import { errorText, RackError } from '../errors.ts';

/** How long to wait for a lock that others hold for milliseconds: a process that holds it for longer hangs. And how often it is tried, in milliseconds. */
const BRIEF_MS_MAX = 30_000;
const AGAIN_MS = 20;
const SQLITE_BUSY = 5;

/** A lock that is held. */
export interface HeldLock {
  release(): void;
}

/**
 * Locks a download or an upload; creates its file if it is missing.
 * @param title the name of the import in error messages
 * @throws RackError `already-running` if another import holds the lock, `store-unwritable` if the file cannot be locked
 */
export const lockImport = async (path: string, title: string): Promise<HeldLock> => lockImports([path], title);

/** The same for several, each once. */
export async function lockImports(paths: readonly string[], title: string): Promise<HeldLock> {
  const held: HeldLock[] = [];
  const release = (): void => {
    for (const lock of held) lock.release();
  };
  try {
    for (const path of new Set(paths)) {
      const lock = tryImport(path);
      if (lock === undefined)
        throw new RackError('already-running', `another import has a file of ${title}: wait for it, or stop it`);
      held.push(lock);
    }
    return { release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Locks a download, or an upload. @returns undefined if another holds the lock @throws RackError `store-unwritable` */
export function tryImport(path: string): HeldLock | undefined {
  for (;;) {
    const before = identityOf(path);
    const lock = tryLock(path, 0);
    if (lock === undefined) return undefined;
    if (before === identityOf(path))
      return {
        release: () => {
          rmSync(path, { force: true });
          lock.release();
        },
      };
    lock.release();
  }
}

/** The inode of a file, which is created if it is missing; undefined: it cannot be, or is a link, which `tryLock` reports. */
function identityOf(path: string): bigint | undefined {
  try {
    const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (found !== undefined) return found.ino;
    closeSync(openSync(path, 'ax', 0o644));
    return lstatSync(path, { bigint: true }).ino;
  } catch {
    return undefined;
  }
}

/**
 * Locks a lasting file that others hold only briefly; the event loop has its turns meanwhile.
 * @throws RackError `already-running` if another holds it for BRIEF_MS_MAX, `store-unwritable` if the file cannot be locked
 */
export async function lockBriefly(path: string): Promise<HeldLock> {
  for (let waitedMs = 0; waitedMs <= BRIEF_MS_MAX; waitedMs += AGAIN_MS) {
    const lock = tryLock(path, 0);
    if (lock !== undefined) return lock;
    await sleep(AGAIN_MS);
  }
  const remedy = `end it (\`fuser ${path}\` shows it), then repeat this`;
  throw new RackError('already-running', `another process has held ${path} for ${BRIEF_MS_MAX / 1000} s: ${remedy}`);
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
