// A lock on the state directory for one process, which the kernel releases however it ends. It is
// SQLite's own lock on an empty file. Sources: sqlite.org/lockingv3.html, fcntl(2) (advisory record
// locks), proc(5) (/proc/locks).
//
// 1. Only users who may write the file can lock it, unlike an abstract socket or a flock on the directory.
// 2. It holds wherever the file is the same one: in other namespaces, and in containers that share
//    the volume.
// 3. Nothing else in this process may open the file while it is locked: closing it would release
//    the lock (sqlite.org/howtocorrupt.html §2.2).

import { accessSync, chmodSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { statIfVisible } from '../files/seen-stats.ts';
import { RackError } from '../ground/errors.ts';
import {
  type DirectoryTexts,
  explainFailure,
  makePrivate,
  makeStateDirectory,
  readSqliteCode,
  SQLITE_BUSY,
  writeRefusedError,
} from './database-file.ts';
import { finishRestore } from './pending-restore.ts';

const LOCK_FILE = 'rack.lock';
const LOCK_KIND = { title: 'lock', applicationId: 0, migrations: [] };
/** How long two processes that start at once try, in milliseconds. */
const WAIT_MS = 250;
const LOCKS_PATH = '/proc/locks';
/** Any user can lengthen the kernel's list of locks; at most this much is searched. */
const LOCKS_SEARCHED_BYTES_MAX = 1024 * 1024;

export const CONFIGURED_DIRECTORY_TEXTS: DirectoryTexts = {
  title: 'state directory',
  elsewhere: 'name another configuration file with --config',
};

interface StateLock {
  release(): void;
}

/** The garbage collector would close an unreferenced database, and release its lock. */
const heldLocks = new Set<DatabaseSync>();

/**
 * Also finishes an interrupted restore of the directory.
 * @param texts for errors; default: those of the starting process's state directory
 * @throws RackError `already-running`, with the other process's number if the kernel shows it; as
 * `openDatabaseFile` if there can be no lock
 */
export function lockState(stateDir: string, texts?: DirectoryTexts): StateLock {
  makeStateDirectory(stateDir, texts);
  const path = join(stateDir, LOCK_FILE);
  let database: DatabaseSync | undefined;
  try {
    const stats = statIfVisible(path);
    if (stats === undefined) makePrivate(path);
    else restrictFileToOwner(path, stats.mode);
    database = new DatabaseSync(path, { timeout: WAIT_MS });
    // Nothing is ever written.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    if (database?.isOpen) database.close();
    if (cause instanceof RackError) throw cause;
    if (readSqliteCode(cause) !== SQLITE_BUSY) throw explainFailure(path, LOCK_KIND, cause);
    throw alreadyRunningError(stateDir, path, texts?.elsewhere ?? 'give this one a state directory of its own', cause);
  }
  const locked = database;
  heldLocks.add(locked);
  try {
    finishRestore(stateDir);
  } catch (cause) {
    heldLocks.delete(locked);
    locked.close();
    throw writeRefusedError(stateDir, cause);
  }
  return {
    release() {
      if (heldLocks.delete(locked)) locked.close();
    },
  };
}

/**
 * Takes the rights of all other users from an existing file: SQLite opens an unwritable file for
 * reading, and its lock would keep nobody out. The file is not opened here (rule 3).
 */
function restrictFileToOwner(path: string, mode: number): void {
  try {
    if ((mode & 0o177) !== 0) chmodSync(path, 0o600);
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (cause) {
    throw writeRefusedError(path, cause);
  }
}

function alreadyRunningError(stateDir: string, path: string, elsewhere: string, cause: unknown): RackError {
  const holder = findStateHolder(stateDir);
  const holderText =
    holder === undefined ? `perhaps in another container: fuser ${path} tells which process` : `process ${holder}`;
  return new RackError(
    'already-running',
    `another Rackboot already runs here for ${stateDir} (${holderText}); stop it first, or ${elsewhere}`,
    { cause },
  );
}

/** `undefined` if the kernel does not show it, as for another container. */
export function findStateHolder(stateDir: string): number | undefined {
  try {
    const { dev, ino } = statSync(join(stateDir, LOCK_FILE), { bigint: true });
    // makedev(3), as glibc packs the two numbers.
    const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
    const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffff_ff00n);
    const formatHex = (number: bigint): string => number.toString(16).padStart(2, '0');
    const lockPattern = new RegExp(
      `^\\d+: POSIX +ADVISORY +WRITE +(\\d+) ${formatHex(major)}:${formatHex(minor)}:${ino} `,
      'm',
    );
    const processId = lockPattern.exec(readLocks())?.[1];
    return processId === undefined ? undefined : Number(processId);
  } catch {
    // Without /proc, messages do not name the process.
    return undefined;
  }
}

function readLocks(): string {
  const descriptor = openSync(LOCKS_PATH, 'r');
  try {
    const bytes = Buffer.alloc(LOCKS_SEARCHED_BYTES_MAX);
    let length = 0;
    for (;;) {
      const readBytes = readSync(descriptor, bytes, length, bytes.length - length, null);
      length += readBytes;
      if (readBytes === 0 || length === bytes.length) return bytes.toString('latin1', 0, length);
    }
  } finally {
    closeSync(descriptor);
  }
}
