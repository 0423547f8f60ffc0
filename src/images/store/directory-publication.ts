// Publishes whole directories in the boot tree, from which machines may load at any moment, and
// links to them.
//
// 1. A directory with a kernel and its initrd appears whole or not at all.
// 2. Modes are the same for every builder: directories 0755, files 0644.
// 3. Only entries with exactly these names are ended: a person's may begin alike.
//
// Hidden names next to NAME, of a process that may be killed:
//
//   .NAME.new-UUID    unfinished, or exchanged for NAME: it only has to be deleted
//   .NAME.old-UUID    moved away, and not yet replaced: it comes back if NAME is free
//   .NAME.gone-UUID   removed: it only has to be deleted
//
// A file system that cannot exchange two directories (files/exchange-paths.ts) has a moment without NAME.

import { chmod, link, lstat, mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { seenEntry } from '../../files/seen-stats.ts';
import { newUuid } from '../../ground/clock.ts';
import { osErrorCode } from '../../ground/errors.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { type FileContent, makeDirectories, syncDirectory, writeWhole } from './publication.ts';

/** Two works may publish the same directory. */
const turns = new OneAtATime();
const unfinished = new Set<string>();

/** A file of the same file system, which gets a hard link. */
interface FileLink {
  readonly name: string;
  readonly link: string;
}

/** Throws if a directory may not be replaced or removed. */
export type ReplacementCheck = (directory: string) => void;

/** Exchanges two entries, as `exchangePaths` does. */
export type Exchange = (path: string, other: string) => 'exchanged' | 'absent' | 'unable';

/** The check for a place that Rackboot alone fills: everything may be replaced. */
export const replacesAll: ReplacementCheck = () => undefined;

/**
 * Replaces a directory by one with only these files, and removes leftovers of a killed build.
 * @param exchange default: that of the kernel
 * @throws what `check` throws; then the directory stays
 */
export async function publishDirectory(
  directory: string,
  files: readonly (FileContent | FileLink)[],
  check: ReplacementCheck,
  exchange?: Exchange,
): Promise<void> {
  check(directory);
  await makeDirectories(dirname(directory));
  await settleLeftovers(dirname(directory), basename(directory));
  const fresh = unfinishedPath(directory, 'new');
  try {
    await mkdir(fresh);
    await chmod(fresh, 0o755);
    for (const file of files) {
      const path = join(fresh, file.name);
      if ('link' in file) await link(file.link, path);
      else await writeWhole(path, file.data);
    }
    const exchangeBoth = exchange ?? (await import('../../files/exchange-paths.ts')).exchangePaths;
    await turns.do(async () => {
      // Somebody may have filled it meanwhile.
      check(directory);
      await put(fresh, directory, exchangeBoth);
    });
    await syncDirectory(dirname(directory));
  } finally {
    await discard(fresh);
  }
}

async function put(fresh: string, directory: string, exchange: Exchange): Promise<void> {
  const way = exchange(fresh, directory);
  if (way === 'exchanged') return;
  const old = unfinishedPath(directory, 'old');
  if (way === 'unable') await renameIfThere(directory, old);
  try {
    await rename(fresh, directory);
  } catch (error) {
    if (way === 'unable') await renameIfThere(old, directory);
    throw error;
  } finally {
    await discard(old);
  }
}

/**
 * Removes a directory of the tree: first its name, then its files.
 * @throws what `check` throws; then the directory stays
 */
export async function removeDirectory(directory: string, check: ReplacementCheck): Promise<void> {
  check(directory);
  const gone = unfinishedPath(directory, 'gone');
  if (await renameIfThere(directory, gone)) await syncDirectory(dirname(directory));
  await discard(gone);
}

/**
 * Makes a symbolic link to a directory in place of an earlier link.
 * @throws the system's error; EISDIR if a directory is there, which a person may have made
 */
export async function publishLink(path: string, target: string): Promise<void> {
  const parent = dirname(path);
  await makeDirectories(parent);
  await settleLeftovers(parent, basename(path));
  const before = await lstat(path).catch(() => undefined);
  if (before?.isSymbolicLink() === true && (await readlink(path)) === target) return;
  const fresh = unfinishedPath(path, 'new');
  await symlink(target, fresh);
  try {
    await rename(fresh, path);
  } finally {
    await discard(fresh);
  }
  await syncDirectory(parent);
}

/** The path of content that is not published, until `discard`. */
function unfinishedPath(path: string, state: 'new' | 'old' | 'gone'): string {
  const unpublished = join(dirname(path), `.${basename(path)}.${state}-${newUuid()}`);
  unfinished.add(unpublished);
  return unpublished;
}

async function discard(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  unfinished.delete(path);
}

/** The end of such a name. */
export const UNFINISHED_END = String.raw`\.(?<state>new|old|gone)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`;
const UNFINISHED = new RegExp(String.raw`^\.(?<name>.+)${UNFINISHED_END}$`);

/**
 * Ends what killed processes began: puts back directories that were moved away, and deletes the rest.
 * @param parent where they published @param only one entry; undefined: all
 */
export async function settleLeftovers(parent: string, only?: string): Promise<void> {
  for (const left of await readdir(parent).catch(() => [])) {
    const { name, state } = UNFINISHED.exec(left)?.groups ?? {};
    const path = join(parent, left);
    if (name === undefined || name !== (only ?? name) || unfinished.has(path)) continue;
    if (state === 'old' && seenEntry(join(parent, name)) === undefined)
      await rename(path, join(parent, name)).catch(() => undefined);
    else await rm(path, { recursive: true, force: true });
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
