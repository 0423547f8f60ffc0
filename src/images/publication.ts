// Publishes finished files in the boot tree, from which machines may load at any moment.
//
// 1. A directory with a kernel and its initrd appears whole or not at all, because the two work only together.
// 2. A single file is replaced as a whole.
// 3. Several processes may publish the same path at once: the last one counts, and none removes what another has not finished.
// 4. Modes are the same for every user who builds: directories 0755, files 0644.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, constants, link, lstat, mkdir, open, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { newUuid, systemClock } from '../clock.ts';
import { osErrorCode } from '../errors.ts';

/** How often a directory is exchanged again when another process has published at the same moment. */
const ATTEMPTS_MAX = 16;
/** An unfinished entry older than this belongs to no running process, even if one has the id in its name again. */
const UNFINISHED_MS = 60 * 60 * 1000;

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
  await makeDirectories(dirname(directory));
  await removeLeftovers(directory);
  const fresh = unfinishedPath(directory, 'new');
  try {
    await mkdir(fresh);
    await chmod(fresh, 0o755);
    for (const file of files) {
      const path = join(fresh, file.name);
      if ('link' in file) await link(file.link, path);
      else await writeWhole(path, file.data);
    }
    for (let attempt = 1; !(await exchange(fresh, directory)); attempt += 1)
      if (attempt >= ATTEMPTS_MAX) throw new Error(`${directory}: other processes replace it all the time`);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Removes a directory of the tree: first its name, then its files. Removes leftovers of a killed process. */
export async function removeDirectory(directory: string): Promise<void> {
  await removeLeftovers(directory);
  const old = unfinishedPath(directory, 'old');
  if (await renameIfThere(directory, old)) await rm(old, { recursive: true, force: true });
}

/** Puts a directory in the place of another. @returns false if another process has put its own there at the same moment */
async function exchange(fresh: string, directory: string): Promise<boolean> {
  const old = unfinishedPath(directory, 'old');
  const isReplaced = await renameIfThere(directory, old);
  // rename(2): ENOTEMPTY or EEXIST if a directory with entries is there.
  const fault = await rename(fresh, directory).catch((error: unknown) => error);
  const isTaken = ['ENOTEMPTY', 'EEXIST'].includes(osErrorCode(fault) ?? '');
  if (fault !== undefined && !isTaken) {
    if (isReplaced) await rename(old, directory);
    throw fault;
  }
  await syncDirectory(dirname(directory));
  await rm(old, { recursive: true, force: true });
  return !isTaken;
}

/** Makes a symbolic link to a directory. Replaces an earlier link or directory. Removes leftovers of a killed process. */
export async function publishLink(path: string, target: string): Promise<void> {
  const parent = dirname(path);
  await makeDirectories(parent);
  await removeLeftovers(path);
  const before = await lstat(path).catch(() => undefined);
  if (before?.isSymbolicLink() === true && (await readlink(path)) === target) return;
  const fresh = unfinishedPath(path, 'new');
  const old = unfinishedPath(path, 'old');
  await symlink(target, fresh);
  // A rename replaces a link atomically. It cannot replace a directory, which a person may have made here.
  if (before?.isDirectory() === true) await renameIfThere(path, old);
  await rename(fresh, path);
  await syncDirectory(parent);
  await rm(old, { recursive: true, force: true });
}

/** The path of an entry that is not published, named after the process that writes it. */
const unfinishedPath = (path: string, state: 'new' | 'old'): string =>
  join(dirname(path), `.${basename(path)}.${state}-${process.pid}-${newUuid()}`);

/**
 * Puts back the directories whose replacement a kill interrupted, between the two renames of `exchange`.
 * @param parent the directory in which they are
 */
export async function restoreReplaced(parent: string): Promise<void> {
  for (const left of await readdir(parent).catch(() => [])) {
    const [, name = '', pid] = /^\.(.+)\.old-(\d+)-[0-9a-f-]{36}$/.exec(left) ?? [];
    if (pid === undefined || existsSync(`/proc/${pid}`) || existsSync(join(parent, name))) continue;
    // rename(2) refuses to replace a directory that has entries: another process was faster.
    await rename(join(parent, left), join(parent, name)).catch(() => undefined);
  }
}

/** Removes the entries that killed processes left next to a path. */
async function removeLeftovers(path: string): Promise<void> {
  const parent = dirname(path);
  for (const name of await readdir(parent).catch(() => [])) {
    if (!name.startsWith(`.${basename(path)}.`)) continue;
    const end = name.slice(basename(path).length + 1);
    // Entries that a person put there have other ends.
    if (!/^\.(?:(?:new|old)-|[0-9a-f-]{36}$)/.test(end)) continue;
    const [, pid] = /\.(?:new|old)-(\d+)-[0-9a-f-]{36}$/.exec(name) ?? [];
    const left = join(parent, name);
    const facts = await lstat(left).catch(() => undefined);
    const isOld = facts !== undefined && systemClock.wallTimeMs() - facts.ctimeMs >= UNFINISHED_MS;
    if (isOld || pid === undefined || !existsSync(`/proc/${pid}`)) await rm(left, { recursive: true, force: true });
  }
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

/** The content of a file; undefined if none is there: opening a FIFO would wait for its other end. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  try {
    return (await handle?.stat())?.isFile() === true ? await handle?.readFile() : undefined;
  } finally {
    await handle?.close();
  }
}

/** True if a directory has these files with these hashes. */
export async function isWhole(
  directory: string,
  files: readonly Pick<PublishedFile, 'name' | 'sha256'>[],
): Promise<boolean> {
  for (const { name, sha256 } of files) {
    const data = await readIfThere(join(directory, name));
    if (data === undefined || describeFile({ name, data }).sha256 !== sha256) return false;
  }
  return true;
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
