// Publishes whole directories in the boot tree, from which machines may load at any moment, and links to them.
//
// 1. A directory with a kernel and its initrd appears whole or not at all, because the two work only together.
// 2. Modes are the same for every user who builds: directories 0755, files 0644.
// 3. Only entries with exactly these names are ended for a killed process: a person's may begin in the same way.
//
// Hidden names next to NAME, of a process that may be killed:
//
//   .NAME.new-PID-UUID    unfinished, or exchanged for NAME: it only has to be deleted
//   .NAME.old-PID-UUID    moved away, and not yet replaced: it comes back if NAME is free
//   .NAME.gone-PID-UUID   removed: it only has to be deleted
//
// A file system that cannot exchange two directories (files/exchange-paths.ts) has a moment without NAME.

import { existsSync } from 'node:fs';
import { chmod, link, lstat, mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { newUuid, systemClock } from '../clock.ts';
import { osErrorCode } from '../errors.ts';
import { seenEntry } from '../files/seen-stats.ts';
import { type FileContent, makeDirectories, syncDirectory, writeWhole } from './publication.ts';

/** How often a directory is exchanged again when another process has published at the same moment. */
const ATTEMPTS_MAX = 16;
/** An unfinished entry older than this belongs to no running process, even if one has the id in its name again. */
const UNFINISHED_MS = 60 * 60 * 1000;

/** A file of the same file system that gets a second name by a hard link. */
interface FileLink {
  readonly name: string;
  /** The path of the file. */
  readonly link: string;
}

/** Throws if a directory may not be replaced or removed; nothing may be there. */
export type ReplacementCheck = (directory: string) => void;

/** Exchanges two entries, as `exchangePaths` (files/exchange-paths.ts). */
export type Exchange = (one: string, other: string) => 'exchanged' | 'absent' | 'unable';

/** For a place that Rackboot alone fills. */
export const replacesAll: ReplacementCheck = () => undefined;

/**
 * Replaces a directory of the tree with one that has only these files. Removes leftovers of a killed build.
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
    const exchangeBoth = exchange ?? (await import('../files/exchange-paths.ts')).exchangePaths;
    for (let attempt = 1; ; attempt += 1) {
      // Somebody may have filled it while the files were written.
      check(directory);
      if (await put(fresh, directory, exchangeBoth)) break;
      if (attempt >= ATTEMPTS_MAX) throw new Error(`${directory}: other processes replace it all the time`);
    }
    await syncDirectory(dirname(directory));
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Puts a directory in the place of another. @returns false if another process has put its own there at the same moment */
async function put(fresh: string, directory: string, exchange: Exchange): Promise<boolean> {
  const way = exchange(fresh, directory);
  if (way === 'exchanged') return true;
  const old = unfinishedPath(directory, 'old');
  if (way === 'unable') await renameIfThere(directory, old);
  try {
    await rename(fresh, directory);
    return true;
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(osErrorCode(error) ?? '')) return false;
    if (way === 'unable') await renameIfThere(old, directory);
    throw error;
  } finally {
    await rm(old, { recursive: true, force: true });
  }
}

/**
 * Removes a directory of the tree: first its name, then its files.
 * @throws what `check` throws; then the directory stays
 */
export async function removeDirectory(directory: string, check: ReplacementCheck): Promise<void> {
  check(directory);
  const gone = unfinishedPath(directory, 'gone');
  if (!(await renameIfThere(directory, gone))) return;
  await syncDirectory(dirname(directory));
  await rm(gone, { recursive: true, force: true });
}

/**
 * Makes a symbolic link to a directory. Replaces an earlier link. Removes leftovers of a killed process.
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
    await rm(fresh, { force: true });
  }
  await syncDirectory(parent);
}

/** The path of an entry that is not published, named after the process that writes it. */
const unfinishedPath = (path: string, state: 'new' | 'old' | 'gone'): string =>
  join(dirname(path), `.${basename(path)}.${state}-${process.pid}-${newUuid()}`);

/** The end of such a name, in a regular expression. */
export const UNFINISHED_END = String.raw`\.(?<state>new|old|gone)-(?<pid>\d+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`;
const UNFINISHED = new RegExp(String.raw`^\.(?<name>.+)${UNFINISHED_END}$`);

/**
 * Ends what killed processes began: puts back the directories that were moved away and not replaced, and deletes what they left otherwise.
 * @param parent the directory in which they published @param only the name of one entry; undefined: all
 */
export async function settleLeftovers(parent: string, only?: string): Promise<void> {
  for (const left of await readdir(parent).catch(() => [])) {
    const { name, state, pid } = UNFINISHED.exec(left)?.groups ?? {};
    if (name === undefined || name !== (only ?? name)) continue;
    const path = join(parent, left);
    const facts = seenEntry(path);
    const isOld = facts !== undefined && systemClock.wallTimeMs() - facts.ctimeMs >= UNFINISHED_MS;
    if (!isOld && pid !== undefined && existsSync(`/proc/${pid}`)) continue;
    // rename(2) refuses to replace a directory that has entries: then another process was faster.
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
