// Publishes finished files in the boot tree, from which machines may load at any moment, and
// describes them in manifests. A reader finds the old or the new content of a file, never a
// mixture. directory-publication.ts publishes whole directories.

import { createHash } from 'node:crypto';
import { chmod, constants, type FileHandle, mkdir, open, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { newUuid } from '../../ground/clock.ts';
import { osErrorCode } from '../../ground/errors.ts';
import { hashFile } from './file-hash.ts';

/** A file in the tree. */
export interface PublishedFile {
  readonly name: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface FileContent {
  readonly name: string;
  readonly data: Uint8Array;
}

/** Publishes files in another process, which checks what they replace. */
export type Publisher = (
  /**
   * The directory, relative to the tree. If undefined, each file replaces the file of its name in
   * the top directory.
   */
  directory: string | undefined,
  files: readonly FileContent[],
  os?: string | undefined,
) => Promise<void>;

/** A list of files and of the packages that they were built from, written next to the files as JSON. */
interface Manifest {
  readonly schema: 1;
  readonly packages: readonly { name: string; version: string; architecture: string; sha256: string }[];
  readonly files: readonly PublishedFile[];
  /** Further facts about the build, for people. */
  readonly [detail: string]: unknown;
}

export function describeFile(file: FileContent): PublishedFile {
  const sha256 = createHash('sha256').update(file.data).digest('hex');
  return { name: file.name, bytes: file.data.length, sha256 };
}

export function encodeManifest(manifest: Manifest): FileContent {
  return { name: 'manifest.json', data: Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`, 'utf8') };
}

/** Writes one file. A reader finds either the complete old content or the complete new one. */
export async function publishFile(path: string, data: Uint8Array): Promise<void> {
  await makeDirectories(dirname(path));
  const temporary = join(dirname(path), `.${basename(path)}.${newUuid()}`);
  try {
    await writeDurably(temporary, data);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Reads a file. Undefined if it does not exist. */
export async function readIfExists(path: string): Promise<Buffer | undefined> {
  const file = await openIfExists(path);
  try {
    return await file?.readFile();
  } finally {
    await file?.close();
  }
}

/** Opens a file without waiting for the other end of a FIFO. Undefined if there is no regular file. */
async function openIfExists(path: string): Promise<FileHandle | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined || (await handle.stat()).isFile()) return handle;
  await handle.close();
  return undefined;
}

/** True if a directory has these files with these hashes. */
export async function hasIntactFiles(
  directory: string,
  files: readonly Pick<PublishedFile, 'name' | 'sha256'>[],
): Promise<boolean> {
  for (const { name, sha256 } of files) {
    const file = await openIfExists(join(directory, name));
    try {
      if (file === undefined || (await hashFile(file)) !== sha256) return false;
    } finally {
      await file?.close();
    }
  }
  return true;
}

/** Makes a directory and its missing parents, readable by all. */
export async function makeDirectories(path: string): Promise<void> {
  const firstCreated = await mkdir(path, { recursive: true });
  if (firstCreated === undefined) return;
  for (let directory = path; directory.length >= firstCreated.length; directory = dirname(directory))
    await chmod(directory, 0o755);
}

/** Removes directories in this order, up to the first that has an entry or cannot be removed. */
export async function removeEmpty(directories: readonly string[]): Promise<void> {
  try {
    for (const path of directories) await rmdir(path);
  } catch (error) {
    if (osErrorCode(error) === undefined) throw error;
  }
}

/** Writes a new file, and returns when it is on disk. */
export async function writeDurably(path: string, data: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx', 0o644);
  try {
    await handle.writeFile(data);
    await handle.chmod(0o644);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Resolves when the entries of a directory are on disk. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
