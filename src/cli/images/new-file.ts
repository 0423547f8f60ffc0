// A new file that a command writes for a person, which disappears if the command fails.
//
// 1. The file is opened before the command switches users: the owner of the state directory may be
//    unable to write or remove it.
// 2. A process of the first user waits, and removes the file unless it is kept, even if the command
//    is killed.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { findOwnUserName } from '../../files/ownership.ts';
import { toFileFault } from '../../files/read-fault.ts';
import { errorText, osErrorCode, RackError } from '../../ground/errors.ts';
import { isDirectory } from '../../images/make/directory-packing.ts';

/** Reads a line; at the end of input without one, removes the file in its first argument. */
const REMOVAL = 'read -r _ || rm -f -- "$1"';

/**
 * Creates and fills a file. If filling fails or this process ends, the file is removed.
 * @throws RackError `already-exists`; `store-unwritable` or `not-found` if it cannot be written
 * there; the errors of `fileFault` and of `fill`
 */
export async function fillNewFile<T>(path: string, fill: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await createFile(path);
  const remover = await startRemover(path);
  const exit = once(remover, 'exit');
  try {
    const result = await fill(file);
    remover.stdin?.write('keep\n');
    return result;
  } catch (error) {
    // Free the space even if another process has the file open.
    await file.truncate(0).catch(() => undefined);
    throw error;
  } finally {
    remover.stdin?.end();
    await Promise.all([file.close(), exit]);
  }
}

async function createFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o644);
  } catch (cause) {
    if (isDirectory(path)) {
      const name = `${path.endsWith('/') ? path : `${path}/`}images.tar`;
      throw new RackError('bad-argument', `${path} is a directory: name a new file in it, such as ${name}`, { cause });
    }
    if (osErrorCode(cause) === 'EEXIST')
      throw new RackError('already-exists', `${path} already exists: remove it, or name another file`, { cause });
    throw READ_LIKE.has(osErrorCode(cause) ?? '') ? toFileFault(path, cause) : writeFault(path, cause);
  }
}

/** Errors of opening that are the same for reading and writing. */
const READ_LIKE: ReadonlySet<string> = new Set(['ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EMFILE', 'ENFILE']);

function writeFault(path: string, cause: unknown): RackError {
  const code = osErrorCode(cause) ?? errorText(cause);
  const directory = dirname(resolve(path));
  if (code === 'ENOENT' && !existsSync(directory)) {
    const text = `${path} cannot be written: the directory ${directory} does not exist; make it, or correct the path`;
    return new RackError('not-found', text, { cause });
  }
  const text = `${path} cannot be written (${code}): name a file in a directory where ${findOwnUserName()} may write`;
  return new RackError('store-unwritable', text, { cause });
}

/** Starts the process that removes the file. Its own session keeps signals of the terminal away. */
async function startRemover(path: string): Promise<ChildProcess> {
  const remover = spawn('/bin/sh', ['-c', REMOVAL, 'sh', basename(path)], {
    cwd: dirname(resolve(path)),
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  try {
    await once(remover, 'spawn');
    // A killed remover reads no line. The file then stays.
    remover.stdin?.on('error', () => undefined);
    return remover;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}
