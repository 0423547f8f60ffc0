// Publishes finished files in the boot tree, from which machines may load at any moment.
//
// 1. A directory with a kernel and its initrd appears whole or not at all, because the two work only together.
// 2. A single file is replaced as a whole.
// 3. Modes are the same for every user who builds: directories 0755, files 0644.

import { createHash } from 'node:crypto';
import { chmod, link, lstat, mkdir, open, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { newUuid } from '../clock.ts';
import { osErrorCode } from '../errors.ts';

/** A file in the tree. */
export interface PublishedFile {
  readonly name: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** A file to publish. */
export interface FileContent {
  readonly name: string;
  readonly data: Uint8Array;
}

/** The files and the packages they were built from; written next to the files as JSON. */
interface Manifest {
  readonly schema: 1;
  readonly packages: readonly { name: string; version: string; architecture: string; sha256: string }[];
  readonly files: readonly PublishedFile[];
  /** Further facts about the build, for people. */
  readonly [detail: string]: unknown;
}

/** Name, size and hash of a file. */
export function describeFile(file: FileContent): PublishedFile {
  const sha256 = createHash('sha256').update(file.data).digest('hex');
  return { name: file.name, bytes: file.data.length, sha256 };
}

export function encodeManifest(manifest: Manifest): FileContent {
  return { name: 'manifest.json', data: Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`, 'utf8') };
}

/** A file of the same file system that gets a second name by a hard link. */
interface FileLink {
  readonly name: string;
  /** The path of the file. */
  readonly link: string;
}

/** Replaces a directory of the tree with one that has only these files. Removes leftovers of a killed build. */
export async function publishDirectory(directory: string, files: readonly (FileContent | FileLink)[]): Promise<void> {
  const parent = dirname(directory);
  await makeDirectories(parent);
  const prefix = await removeLeftovers(directory);
  const fresh = join(parent, `${prefix}new-${newUuid()}`);
  const old = join(parent, `${prefix}old-${newUuid()}`);
  await mkdir(fresh);
  await chmod(fresh, 0o755);
  for (const file of files) {
    const path = join(fresh, file.name);
    if ('link' in file) await link(file.link, path);
    else await writeWhole(path, file.data);
  }
  const replaced = await renameIfThere(directory, old);
  try {
    await rename(fresh, directory);
  } catch (error) {
    if (replaced) await rename(old, directory);
    throw error;
  }
  await syncDirectory(parent);
  await rm(old, { recursive: true, force: true });
}

/** Makes a symbolic link to a directory. Replaces an earlier link or directory. Removes leftovers of a killed process. */
export async function publishLink(path: string, target: string): Promise<void> {
  const parent = dirname(path);
  await makeDirectories(parent);
  const prefix = await removeLeftovers(path);
  const before = await lstat(path).catch(() => undefined);
  if (before?.isSymbolicLink() === true && (await readlink(path)) === target) return;
  const fresh = join(parent, `${prefix}new-${newUuid()}`);
  const old = join(parent, `${prefix}old-${newUuid()}`);
  await symlink(target, fresh);
  // A rename replaces a link atomically. It cannot replace a directory, which a person may have made here.
  if (before?.isDirectory() === true) await renameIfThere(path, old);
  await rename(fresh, path);
  await syncDirectory(parent);
  await rm(old, { recursive: true, force: true });
}

/** Removes the entries that a killed process left next to a path. @returns the prefix of the names of unfinished entries */
async function removeLeftovers(path: string): Promise<string> {
  const parent = dirname(path);
  const prefix = `.${basename(path)}.`;
  for (const name of await readdir(parent)) {
    if (name.startsWith(prefix)) await rm(join(parent, name), { recursive: true, force: true });
  }
  return prefix;
}

/** Writes one file. A reader finds either the whole old content or the whole new one. */
export async function publishFile(path: string, data: Uint8Array): Promise<void> {
  await makeDirectories(dirname(path));
  const fresh = join(dirname(path), `.${basename(path)}.${newUuid()}`);
  try {
    await writeWhole(fresh, data);
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

/** The content of a file; undefined if it does not exist. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes a directory and its missing parents, readable by all. */
export async function makeDirectories(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) await chmod(made, 0o755);
}

async function writeWhole(path: string, data: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx', 0o644);
  try {
    await handle.writeFile(data);
    await handle.chmod(0o644);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return false;
    throw error;
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
