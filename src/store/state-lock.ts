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
  type DirectoryWords,
  explainFailure,
  makePrivate,
  makeStateDirectory,
  SQLITE_BUSY,
  sqliteCode,
  writeRefused,
} from './database-file.ts';
import { finishRestore } from './pending-restore.ts';

const FILE = 'rack.lock';
const KIND = { title: 'lock', applicationId: 0, migrations: [] };
/** How long two processes that start at once try, in milliseconds. */
const WAIT_MS = 250;
const LOCKS = '/proc/locks';
/** Any user can lengthen the kernel's list of locks; at most this much is searched. */
const LOCKS_BYTES_MAX = 1024 * 1024;

export const CONFIGURED: DirectoryWords = {
  title: 'state directory',
  elsewhere: 'name another configuration file with --config',
};

interface StateLock {
  release(): void;
}

/** The garbage collector would close an unreferenced database, and release its lock. */
const held = new Set<DatabaseSync>();

/**
 * Also finishes an interrupted restore of the directory.
 * @param words for errors; default: those of the starting process's state directory
 * @throws RackError `already-running`, with the other process's number if the kernel shows it; as
 * `openDatabaseFile` if there can be no
 *   lock
 */
export function lockState(stateDir: string, words?: DirectoryWords): StateLock {
  makeStateDirectory(stateDir, words);
  const path = join(stateDir, FILE);
  let database: DatabaseSync | undefined;
  try {
    const stats = statIfVisible(path);
    if (stats === undefined) makePrivate(path);
    else keepPrivate(path, stats.mode);
    database = new DatabaseSync(path, { timeout: WAIT_MS });
    // Nothing is ever written.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    if (database?.isOpen) database.close();
    if (cause instanceof RackError) throw cause;
    if (sqliteCode(cause) !== SQLITE_BUSY) throw explainFailure(path, KIND, cause);
    throw alreadyRunning(stateDir, path, words?.elsewhere ?? 'give this one a state directory of its own', cause);
  }
  const locked = database;
  held.add(locked);
  try {
    finishRestore(stateDir);
  } catch (cause) {
    held.delete(locked);
    locked.close();
    throw writeRefused(stateDir, cause);
  }
  return {
    release() {
      if (held.delete(locked)) locked.close();
    },
  };
}

/**
 * Takes the rights of all other users from an existing file: SQLite opens an unwritable file for
 * reading, and its lock would keep nobody out. The file is not opened here (rule 3).
 */
function keepPrivate(path: string, mode: number): void {
  try {
    if ((mode & 0o177) !== 0) chmodSync(path, 0o600);
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (cause) {
    throw writeRefused(path, cause);
  }
}

function alreadyRunning(stateDir: string, path: string, elsewhere: string, cause: unknown): RackError {
  const holder = stateHolder(stateDir);
  const who =
    holder === undefined ? `perhaps in another container: fuser ${path} tells which process` : `process ${holder}`;
  return new RackError(
    'already-running',
    `another Rackboot already runs here for ${stateDir} (${who}); stop it first, or ${elsewhere}`,
    { cause },
  );
}

/** Undefined if the kernel does not show it, as for another container. */
export function stateHolder(stateDir: string): number | undefined {
  try {
    const { dev, ino } = statSync(join(stateDir, FILE), { bigint: true });
    // makedev(3), as glibc packs the two numbers.
    const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
    const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffff_ff00n);
    const hex = (number: bigint): string => number.toString(16).padStart(2, '0');
    const line = new RegExp(`^\\d+: POSIX +ADVISORY +WRITE +(\\d+) ${hex(major)}:${hex(minor)}:${ino} `, 'm');
    const pid = line.exec(readLocks())?.[1];
    return pid === undefined ? undefined : Number(pid);
  } catch {
    // Without /proc, messages do not name the process.
    return undefined;
  }
}

function readLocks(): string {
  const descriptor = openSync(LOCKS, 'r');
  try {
    const bytes = Buffer.alloc(LOCKS_BYTES_MAX);
    let length = 0;
    for (;;) {
      const read = readSync(descriptor, bytes, length, bytes.length - length, null);
      length += read;
      if (read === 0 || length === bytes.length) return bytes.toString('latin1', 0, length);
    }
  } finally {
    closeSync(descriptor);
  }
}
