// Publishes whole directories in the boot tree, from which machines may load at any moment, and links to them.
//
// 1. A directory with a kernel and its initrd appears whole or not at all, because the two work only together.
// 2. Several processes may publish the same path at once: the last one counts, and none removes what another has not finished.
// 3. Modes are the same for every user who builds: directories 0755, files 0644.
// 4. Whether a directory may be replaced or removed is judged when it has been moved away: until then another process or a person may fill it.
//    One that may not comes back. Only the entries that were there then are deleted: one that a person adds later stays, in a directory with
//    another name.
// 5. Only entries with exactly these names are ended for a killed process: a person's may begin in the same way.
//
// Hidden names next to NAME, of a process that may be killed:
//
//   .NAME.new-PID-UUID    unfinished
//   .NAME.swap-PID-UUID   finished, or exchanged for NAME: it is judged as in 4
//   .NAME.old-PID-UUID    moved away, and not yet replaced or removed: it comes back if NAME is free, else it is judged, too
//   .NAME.gone-PID-UUID   replaced or removed: it only has to be deleted
//   .NAME.kept-UUID       a directory with files of a person, whose place was taken: nothing touches it
//
// A file system that cannot exchange two directories (files/exchange-paths.ts) has a moment without NAME.

import { existsSync, readdirSync } from 'node:fs';
import { chmod, link, lstat, mkdir, readdir, readlink, rename, rm, rmdir, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { newUuid, systemClock } from '../clock.ts';
import { assertOutside, osErrorCode, RackError } from '../errors.ts';
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

/**
 * Throws if a directory may not be replaced or removed.
 * @param at where it is now; nothing may be there @param place where it was published
 * @param state `left`: a killed process left it, and only files of a person are a reason to keep it
 */
export type ReplacementCheck = (at: string, place: string, state: 'published' | 'left') => void;

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
  check(directory, directory, 'published');
  await makeDirectories(dirname(directory));
  await removeLeftovers(directory, check);
  const unfinished = unfinishedPath(directory, 'new');
  const fresh = unfinishedPath(directory, 'swap');
  try {
    await mkdir(unfinished);
    await chmod(unfinished, 0o755);
    for (const file of files) {
      const path = join(unfinished, file.name);
      if ('link' in file) await link(file.link, path);
      else await writeWhole(path, file.data);
    }
    await rename(unfinished, fresh);
    for (let attempt = 1; !(await put(fresh, directory, check, exchange)); attempt += 1)
      if (attempt >= ATTEMPTS_MAX) throw new Error(`${directory}: other processes replace it all the time`);
  } finally {
    for (const left of [unfinished, fresh]) await rm(left, { recursive: true, force: true });
  }
}

/**
 * Removes a directory of the tree: first its name, then its files.
 * @throws what `check` throws; then the directory stays
 */
export async function removeDirectory(directory: string, check: ReplacementCheck): Promise<void> {
  // Machines load from a directory that stays, so it is not moved for the check alone.
  check(directory, directory, 'published');
  const old = await moveAway(directory, check);
  if (old === undefined) return;
  await syncDirectory(dirname(directory));
  await discard(old, directory);
}

/** Puts a directory in the place of another. @returns false if another process has put its own there at the same moment */
async function put(
  fresh: string,
  directory: string,
  check: ReplacementCheck,
  given: Exchange | undefined,
): Promise<boolean> {
  // Machines load from a directory that stays, so it is not exchanged or moved for the check alone.
  check(directory, directory, 'published');
  const exchange = given ?? (await import('../files/exchange-paths.ts')).exchangePaths;
  const own = seenEntry(fresh)?.ino;
  switch (exchange(fresh, directory)) {
    case 'exchanged':
      await discardExchanged(fresh, directory, { check, own, exchange });
      return true;
    case 'absent':
      return await putThere(fresh, directory);
    case 'unable':
      return await replace(fresh, directory, check);
  }
}

/** How an exchange is completed, or undone. */
interface ExchangeTerms {
  readonly check: ReplacementCheck;
  /** The inode of what was put there. */
  readonly own: number | undefined;
  readonly exchange: Exchange;
}

/** Deletes what was exchanged. @throws what `check` throws; then it is in its place again */
async function discardExchanged(fresh: string, directory: string, terms: ExchangeTerms): Promise<void> {
  let names: readonly string[];
  try {
    names = judge(fresh, directory, terms.check);
  } catch (error) {
    await exchangeBack(fresh, directory, terms);
    throw error;
  }
  await syncDirectory(dirname(directory));
  await discard({ path: fresh, names }, directory);
}

/** @throws RackError as `putBack`, if another process or a person has put something there meanwhile */
async function exchangeBack(fresh: string, directory: string, { own, exchange }: ExchangeTerms): Promise<void> {
  const isOwn = (path: string): boolean => seenEntry(path)?.ino === own;
  if (!isOwn(directory) || !isExchanged(fresh, directory, exchange)) await putBack(fresh, directory);
  else if (!isOwn(fresh)) await keep(fresh, directory);
}

/** False if the exchange fails, too. */
function isExchanged(one: string, other: string, exchange: Exchange): boolean {
  try {
    return exchange(one, other) === 'exchanged';
  } catch (error) {
    assertOutside(error);
    return false;
  }
}

/** @returns false if another process has put its own there at the same moment */
async function putThere(fresh: string, directory: string): Promise<boolean> {
  try {
    await rename(fresh, directory);
  } catch (error) {
    if (isTaken(error)) return false;
    throw error;
  }
  await syncDirectory(dirname(directory));
  return true;
}

/** The same in two steps, where the file system cannot exchange. */
async function replace(fresh: string, directory: string, check: ReplacementCheck): Promise<boolean> {
  const old = await moveAway(directory, check);
  let isThere: boolean;
  try {
    isThere = await putThere(fresh, directory);
  } catch (error) {
    if (old !== undefined) await putBack(old.path, directory);
    throw error;
  }
  if (old !== undefined) await discard(old, directory);
  return isThere;
}

/** True for the errors of rename(2) of a directory if one with entries is there, or a file or a link. */
const isTaken = (error: unknown): boolean => ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(osErrorCode(error) ?? '');

/** A directory that was moved away. */
interface MovedAway {
  readonly path: string;
  /** The entries that may be deleted. */
  readonly names: readonly string[];
}

/** @returns undefined: there was none @throws what `check` throws; then the directory is in its place */
async function moveAway(directory: string, check: ReplacementCheck): Promise<MovedAway | undefined> {
  const old = unfinishedPath(directory, 'old');
  if (!(await renameIfThere(directory, old))) return undefined;
  try {
    return { path: old, names: judge(old, directory, check) };
  } catch (error) {
    await putBack(old, directory);
    throw error;
  }
}

/** @returns the entries that the check has allowed; none of what is not a directory @throws what `check` throws */
function judge(at: string, place: string, check: ReplacementCheck): readonly string[] {
  const names = seenEntry(at)?.isDirectory() === true ? readdirSync(at) : [];
  check(at, place, 'published');
  return names;
}

/** @throws RackError `already-exists` if another process has put its own there, with the name of what was there before */
async function putBack(old: string, directory: string): Promise<void> {
  try {
    await rename(old, directory);
  } catch (error) {
    if (!isTaken(error)) throw error;
    const kept = await keep(old, directory);
    const text = `${directory} was filled by another process at the same moment: what was there before is now ${kept}`;
    throw new RackError('already-exists', text, { cause: error });
  }
}

/** Gives a directory a name that nothing replaces or removes. @returns its path */
async function keep(old: string, directory: string): Promise<string> {
  const kept = join(dirname(directory), `.${basename(directory)}.kept-${newUuid()}`);
  await rename(old, kept);
  return kept;
}

/** Deletes what was replaced or removed. */
async function discard({ path, names }: MovedAway, directory: string): Promise<void> {
  const gone = unfinishedPath(directory, 'gone');
  await rename(path, gone);
  if (seenEntry(gone)?.isDirectory() !== true) {
    await rm(gone, { force: true });
    return;
  }
  for (const name of names) await rm(join(gone, name), { recursive: true, force: true });
  try {
    await rmdir(gone);
  } catch (error) {
    if (!isTaken(error)) throw error;
    await keep(gone, directory);
  }
}

/**
 * Makes a symbolic link to a directory. Replaces an earlier link. Removes leftovers of a killed process.
 * @throws the system's error; EISDIR if a directory is there, which a person may have made
 */
export async function publishLink(path: string, target: string): Promise<void> {
  const parent = dirname(path);
  await makeDirectories(parent);
  await removeLeftovers(path, replacesAll);
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
const unfinishedPath = (path: string, state: 'new' | 'swap' | 'old' | 'gone'): string =>
  join(dirname(path), `.${basename(path)}.${state}-${process.pid}-${newUuid()}`);

/** The end of such a name, in a regular expression. */
export const UNFINISHED_END = String.raw`\.(?<state>new|swap|old|gone)-(?<pid>\d+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`;
const UNFINISHED = new RegExp(String.raw`^\.(?<name>.+)${UNFINISHED_END}$`);

/**
 * Ends what killed processes began: puts back the directories that were moved away and not replaced, and deletes what they left otherwise.
 * @param parent the directory in which they published
 * @param check decides about a directory whose place was taken meanwhile; one that it refuses is kept under another name
 */
export async function settleLeftovers(parent: string, check: ReplacementCheck): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) await settle(parent, name, check);
}

/** The same for what is left next to one path. */
async function removeLeftovers(path: string, check: ReplacementCheck): Promise<void> {
  const parent = dirname(path);
  for (const name of await readdir(parent).catch(() => []))
    if (UNFINISHED.exec(name)?.groups?.name === basename(path)) await settle(parent, name, check);
}

/** Leaves alone other entries, and what belongs to a running process. */
async function settle(parent: string, left: string, check: ReplacementCheck): Promise<void> {
  const { name, state, pid } = UNFINISHED.exec(left)?.groups ?? {};
  if (name === undefined) return;
  const path = join(parent, left);
  const facts = seenEntry(path);
  const isOld = facts !== undefined && systemClock.wallTimeMs() - facts.ctimeMs >= UNFINISHED_MS;
  if (!isOld && pid !== undefined && existsSync(`/proc/${pid}`)) return;
  const place = join(parent, name);
  if (state === 'old' && seenEntry(place) === undefined)
    // rename(2) refuses to replace a directory that has entries: another process was faster.
    await rename(path, place).catch(() => undefined);
  else if ((state === 'old' || state === 'swap') && !allows(check, path, place)) await keep(path, place);
  else await rm(path, { recursive: true, force: true });
}

/** False if a check refuses, or cannot decide. */
function allows(check: ReplacementCheck, at: string, place: string): boolean {
  try {
    check(at, place, 'left');
    return true;
  } catch {
    return false;
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
