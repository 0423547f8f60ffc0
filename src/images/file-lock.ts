// Locks held by one process at a time: SQLite's lock on an empty file. The kernel releases it however the process ends.
// Sources: sqlite.org/lockingv3.html, sqlite.org/rescode.html (SQLITE_BUSY); proc_locks(5), makedev(3).
//
//   lockBriefly   a lasting file, under which files of the store are written
//   tryLock       any other lasting file
//   lockImport    the file of one download, or of one upload, which is removed with the release
//
// 1. The file of an import's lock is opened and removed only under the lock `.imports.lock` of the directory above. So nobody locks a file
//    that has been removed, while another process locks a new one of that name. A killed process leaves a file, which the next one locks.
// 2. A link is refused: SQLite would create the file that it names.
// 3. A wait gives the event loop its turns: a stopped process may hold a lock for ever.

import { lstatSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sleep } from '../clock.ts';
import { errorText, RackError } from '../errors.ts';

/** How to wait for a lock. */
interface LockWait {
  /** How often to look again, in milliseconds. */
  readonly lookMs: number;
  /** How long to wait, in milliseconds. */
  readonly maxMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called once if the wait takes longer than SAID_MS. */
  readonly onWait?: (() => void) | undefined;
}

/** How to wait for the lock under which others are opened; it is held for less than a millisecond. */
const OPENING_WAIT = { lookMs: 20, maxMs: 5000 };
/** As OPENING_WAIT, to remove the file of a lock, in milliseconds. */
const REMOVAL_WAIT_MS = 20;
const OPENING = '.imports.lock';
/** How an import waits for another download of the same bytes. */
const IMPORT_WAIT = { lookMs: 200, maxMs: 60 * 60 * 1000 };
/** A shorter wait is not reported, in milliseconds. */
const SAID_MS = 2000;
/** How to wait for a lock that others hold for milliseconds: a process that holds it for longer hangs. */
const BRIEF_WAIT = { lookMs: 20, maxMs: 30_000 };
const SQLITE_BUSY = 5;

/** A lock that is held. */
export interface HeldLock {
  release(): void;
}

/** How an import waits for the locks of others. */
export interface ImportWait {
  readonly signal?: AbortSignal | undefined;
  /** Called if the wait takes longer than two seconds, once for each file. @param pid the process that holds its lock; undefined: unknown */
  readonly onWait?: ((pid: number | undefined) => void) | undefined;
}

/**
 * Tries to lock again and again.
 * @returns undefined if another held the lock until the end
 * @throws RackError `cancelled`, and those of `attempt`
 */
async function waitForLock(
  attempt: () => HeldLock | undefined | Promise<HeldLock | undefined>,
  { lookMs, maxMs, signal, onWait }: LockWait,
): Promise<HeldLock | undefined> {
  for (let waitedMs = 0; ; waitedMs += lookMs) {
    if (signal?.aborted === true) throw new RackError('cancelled', 'the import was stopped');
    const lock = await attempt();
    if (lock !== undefined || waitedMs >= maxMs) return lock;
    if (waitedMs >= SAID_MS && waitedMs - lookMs < SAID_MS) onWait?.();
    await sleep(lookMs);
  }
}

/**
 * Locks a download; creates its file if it is missing.
 * @param title the name of the import in error messages
 * @throws RackError `already-running` if another import holds the lock, `store-unwritable` if the file cannot be locked
 */
export async function lockImport(path: string, title: string): Promise<HeldLock> {
  const lock = await tryImport(path);
  if (lock !== undefined) return lock;
  throw new RackError('already-running', `${holderOf(path)} is importing ${title}: wait for it, or stop it`);
}

/**
 * Locks several downloads, one after the other in the order of their names, and waits while other imports hold them.
 * @throws RackError as `lockImport`, `already-running` after an hour; `cancelled`
 */
export async function waitForImports(
  paths: readonly string[],
  title: string,
  { signal, onWait }: ImportWait,
): Promise<HeldLock> {
  const held: HeldLock[] = [];
  const release = (): void => {
    for (const lock of held) lock.release();
  };
  try {
    // The same order everywhere, so that no two imports wait for each other.
    for (const path of [...new Set(paths)].sort()) {
      const wait = { ...IMPORT_WAIT, signal, onWait: () => onWait?.(pidOf(path)) };
      held.push((await waitForLock(() => tryImport(path), wait)) ?? (await lockImport(path, title)));
    }
    return { release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Locks a download, or an upload. @returns undefined if another holds the lock @throws RackError `store-unwritable` */
export async function tryImport(path: string): Promise<HeldLock | undefined> {
  const opening = await waitForOpening(openingOf(path));
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
    opening = tryLock(openingOf(path), REMOVAL_WAIT_MS);
    // A file that stays does no harm: the next import locks it.
    if (opening !== undefined) rmSync(path, { force: true });
  } catch {
    // The same.
  }
  lock.release();
  opening?.release();
}

const openingOf = (path: string): string => join(dirname(dirname(path)), OPENING);

async function waitForOpening(path: string): Promise<HeldLock> {
  const lock = await waitForLock(() => tryLock(path, 0), OPENING_WAIT);
  if (lock !== undefined) return lock;
  throw new RackError('store-unwritable', heldFor(path, OPENING_WAIT.maxMs));
}

/**
 * Locks a lasting file that others hold only briefly.
 * @throws RackError `already-running` if another holds it for BRIEF_WAIT.maxMs, `store-unwritable` if the file cannot be locked
 */
export async function lockBriefly(path: string): Promise<HeldLock> {
  const lock = await waitForLock(() => tryLock(path, 0), BRIEF_WAIT);
  if (lock !== undefined) return lock;
  throw new RackError('already-running', heldFor(path, BRIEF_WAIT.maxMs));
}

/** Why the wait for a lock that is held only briefly has ended. @param waitedMs milliseconds */
const heldFor = (path: string, waitedMs: number): string =>
  `${holderOf(path)} has held ${path} for ${waitedMs / 1000} s: end it (\`fuser ${path}\` shows it), then repeat this`;

const holderOf = (path: string): string => processWord(pidOf(path));

/** A process that holds a lock, for people. @param pid undefined: the system does not say which */
export function processWord(pid: number | undefined): string {
  if (pid === undefined) return 'another process';
  return pid === process.pid ? 'this process' : `process ${pid}`;
}

function pidOf(path: string): number | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
    const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
    const file = `${hexByte(major)}:${hexByte(minor)}:${ino}`;
    const lines = readFileSync('/proc/locks', 'latin1').split('\n');
    // A line with an arrow is of a process that waits. A process outside of this container has the id 0.
    const [pid] = lines.flatMap((line) => {
      const [, , , , found, place] = line.split(/ +/);
      return place === file && Number(found) > 0 ? [Number(found)] : [];
    });
    return pid;
  } catch {
    return undefined;
  }
}

const hexByte = (number: bigint): string => number.toString(16).padStart(2, '0');

/** Works while it holds a lock. @throws RackError as `lockImport` */
export async function whileLocked<T>(path: string, title: string, work: () => Promise<T>): Promise<T> {
  const lock = await lockImport(path, title);
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
