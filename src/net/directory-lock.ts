// A directory that one process at a time has, whoever sees it: another network namespace, a container that shares the volume. The kernel
// gives it back whatever way the process ends. Source: flock(2).
//
// 1. It leaves no file behind, and asks for no more than the right to read the directory.
// 2. Where the C library cannot be called, or the file system has no such locks (NFS wants a file that is written), nobody has it and
//    everybody goes on: `instance-lock.ts` and the control socket hold what they hold.

import { closeSync, openSync } from 'node:fs';
import { RackError } from '../errors.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = 11;

/** A directory that is held until `release`. */
export interface DirectoryLock {
  release(): void;
}

/**
 * Takes a directory that exists. Rejects with RackError `already-running` when another process has it.
 * @returns undefined: it cannot be held here
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
    // What cannot be read here, the state's own files tell better.
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
