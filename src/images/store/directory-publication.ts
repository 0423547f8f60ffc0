// Publishes whole directories in the boot tree, from which machines may load at any moment, and
// links to them.
//
// 1. A directory with a kernel and its initrd appears complete or not at all.
// 2. Modes are the same for every builder: directories 0755, files 0644.
// 3. Only entries with exactly these names are resolved, because a person's entry may begin with
//    the same text.
//
// Hidden names next to NAME, which a killed process leaves:
//
//   .NAME.new-UUID    unfinished, or exchanged for NAME: only to be deleted
//   .NAME.old-UUID    moved away, and not yet replaced: restored if NAME is free
//   .NAME.gone-UUID   removed: only to be deleted
//
// On a file system that cannot exchange two directories (files/exchange-paths.ts), NAME is missing
// for a moment.

import { chmod, link, lstat, mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { statLinkIfVisible } from '../../files/seen-stats.ts';
import { newUuid } from '../../ground/clock.ts';
import { osErrorCode } from '../../ground/errors.ts';
import { SequentialQueue } from './one-at-a-time.ts';
import { type FileContent, makeDirectories, syncDirectory, writeDurably } from './publication.ts';

/** Orders publications, because two works may publish the same directory. */
const publicationQueue = new SequentialQueue();
const unfinished = new Set<string>();

/** A file of the same file system, to which a hard link is made. */
interface FileLink {
  readonly name: string;
  readonly link: string;
}

/** Throws if a directory may not be replaced or removed. */
export type ReplacementCheck = (directory: string) => void;

/** Exchanges two entries, as `exchangePaths` does. */
export type ExchangeEntries = (path: string, other: string) => 'exchanged' | 'absent' | 'unable';

/** The check for a directory that only Rackboot fills: everything may be replaced. */
export const allowReplacement: ReplacementCheck = () => undefined;

/**
 * Replaces a directory by one with only these files, and removes leftovers of a killed build.
 * @param exchange by default, the kernel's exchange
 * @throws the error of `check`. The directory then stays
 */
export async function publishDirectory(
  directory: string,
  files: readonly (FileContent | FileLink)[],
  check: ReplacementCheck,
  exchange?: ExchangeEntries,
): Promise<void> {
  check(directory);
  await makeDirectories(dirname(directory));
  await resolveLeftovers(dirname(directory), basename(directory));
  const newDirectory = reserveUnfinishedPath(directory, 'new');
  try {
    await mkdir(newDirectory);
    await chmod(newDirectory, 0o755);
    for (const file of files) {
      const path = join(newDirectory, file.name);
      if ('link' in file) await link(file.link, path);
      else await writeDurably(path, file.data);
    }
    const exchangeEntries = exchange ?? (await import('../../files/exchange-paths.ts')).exchangePaths;
    await publicationQueue.run(async () => {
      // A person may have put files into the directory meanwhile.
      check(directory);
      await exchangeDirectory(newDirectory, directory, exchangeEntries);
    });
    await syncDirectory(dirname(directory));
  } finally {
    await discard(newDirectory);
  }
}

async function exchangeDirectory(newDirectory: string, directory: string, exchange: ExchangeEntries): Promise<void> {
  const outcome = exchange(newDirectory, directory);
  if (outcome === 'exchanged') return;
  const oldDirectory = reserveUnfinishedPath(directory, 'old');
  if (outcome === 'unable') await renameIfExists(directory, oldDirectory);
  try {
    await rename(newDirectory, directory);
  } catch (error) {
    if (outcome === 'unable') await renameIfExists(oldDirectory, directory);
    throw error;
  } finally {
    await discard(oldDirectory);
  }
}

/**
 * Removes a directory of the tree: first its name, then its files.
 * @throws the error of `check`. The directory then stays
 */
export async function removeDirectory(directory: string, check: ReplacementCheck): Promise<void> {
  check(directory);
  const removedDirectory = reserveUnfinishedPath(directory, 'gone');
  if (await renameIfExists(directory, removedDirectory)) await syncDirectory(dirname(directory));
  await discard(removedDirectory);
}

/**
 * Makes a symbolic link to a directory in place of an earlier link.
 * @throws the system's error; EISDIR if a directory is there, which a person may have made
 */
export async function publishLink(path: string, target: string): Promise<void> {
  const parent = dirname(path);
  await makeDirectories(parent);
  await resolveLeftovers(parent, basename(path));
  const previousEntry = await lstat(path).catch(() => undefined);
  if (previousEntry?.isSymbolicLink() === true && (await readlink(path)) === target) return;
  const newLink = reserveUnfinishedPath(path, 'new');
  await symlink(target, newLink);
  try {
    await rename(newLink, path);
  } finally {
    await discard(newLink);
  }
  await syncDirectory(parent);
}

/** Reserves the path of content that is not published. It stays reserved until `discard`. */
function reserveUnfinishedPath(path: string, state: 'new' | 'old' | 'gone'): string {
  const unpublished = join(dirname(path), `.${basename(path)}.${state}-${newUuid()}`);
  unfinished.add(unpublished);
  return unpublished;
}

async function discard(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  unfinished.delete(path);
}

/** The pattern of the end of such a hidden name. */
export const UNFINISHED_SUFFIX = String.raw`\.(?<state>new|old|gone)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`;
const UNFINISHED = new RegExp(String.raw`^\.(?<name>.+)${UNFINISHED_SUFFIX}$`);

/**
 * Resolves leftovers of killed processes: puts back directories that were moved away, and deletes the others.
 * @param parent the directory in which they published @param onlyName one entry; undefined: all
 */
export async function resolveLeftovers(parent: string, onlyName?: string): Promise<void> {
  for (const leftover of await readdir(parent).catch(() => [])) {
    const { name, state } = UNFINISHED.exec(leftover)?.groups ?? {};
    const path = join(parent, leftover);
    if (name === undefined || name !== (onlyName ?? name) || unfinished.has(path)) continue;
    if (state === 'old' && statLinkIfVisible(join(parent, name)) === undefined)
      await rename(path, join(parent, name)).catch(() => undefined);
    else await rm(path, { recursive: true, force: true });
  }
}

async function renameIfExists(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
