// A lock on a directory, held by one process at a time, even across network namespaces and containers that share the volume. The kernel
// releases it however the process ends. Source: flock(2).
//
// 1. It leaves no file behind, and needs only the right to read the directory.
// 2. If the C library cannot be called, or the file system has no such locks (NFS demands a writable file), there is no lock and the process
//    goes on: `instance-lock.ts` and the control socket still guard against some duplicates.

import { closeSync, openSync } from 'node:fs';
import { RackError } from '../errors.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = 11;

/** A directory that is locked until `release`. */
export interface DirectoryLock {
  release(): void;
}

/**
 * Locks an existing directory. Rejects with RackError `already-running` if another process holds it.
 * @returns undefined if it cannot be locked here
 */
export async function lockDirectory(path: string): Promise<DirectoryLock | undefined> {
  const libc = await loadNative();
  const fd = libc && openReadable(path);
  if (libc === undefined || fd === undefined) return undefined;
  if (libc.flock(fd, LOCK_EX | LOCK_NB) === 0) return { release: () => closeSync(fd) };
  const errno = libc.errno();
  closeSync(fd);
  if (errno !== EWOULDBLOCK) return undefined;
  throw new RackError(
    'already-running',
    `another Rackboot already runs here for ${path}, in another network or container (fuser ${path} tells which process); stop it first, ` +
      'or give this one a state directory of its own',
  );
}

function openReadable(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    // An unreadable directory is reported better by the state's own files.
    return undefined;
  }
}

async function loadNative() {
  if (process.platform !== 'linux') return undefined;
  try {
    // Imported only here, so that a host without the koffi package still runs.
    return (await import('./libc.ts')).loadLibc();
  } catch {
    return undefined;
  }
}
