// Publishes finished files in the boot tree, from which machines may load at any moment.
//
// 1. A directory with a kernel and its initrd appears whole or not at all, because the two work only together.
// 2. A single file is replaced as a whole.
// 3. Several processes may publish the same path at once: the last one counts, and none removes what another has not finished.
// 4. Modes are the same for every user who builds: directories 0755, files 0644.
// 5. Whether a directory may be replaced or removed is judged when it has been moved away: until then another process or a person may fill it.
//    One that may not comes back.
// 6. Only entries with exactly these names are ended for a killed process: a person's may begin in the same way.
//
// Hidden names next to NAME, of a process that may be killed:
//
//   .NAME.new-PID-UUID    unfinished
//   .NAME.old-PID-UUID    moved away, and not yet replaced or removed: it comes back if NAME is free, else it is judged as in 5
//   .NAME.gone-PID-UUID   replaced or removed: it only has to be deleted
//   .NAME.kept-UUID       a directory with files of a person, whose place was taken: nothing touches it

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, constants, link, lstat, mkdir, open, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { newUuid, systemClock } from '../clock.ts';
import { osErrorCode, RackError } from '../errors.ts';
import { seenEntry } from '../files/seen-stats.ts';

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

/**
 * Throws if a directory may not be replaced or removed.
 * @param at where it is now; nothing may be there @param place where it was published
 */
export type ReplacementCheck = (at: string, place: string) => void;

/** For a place that Rackboot alone fills. */
export const replacesAll: ReplacementCheck = () => undefined;

/**
 * Replaces a directory of the tree with one that has only these files. Removes leftovers of a killed build.
 * @throws what `check` throws; then the directory stays
 */
export async function publishDirectory(
  directory: string,
  files: readonly (FileContent | FileLink)[],
  check: ReplacementCheck,
): Promise<void> {
  check(directory, directory);
  await makeDirectories(dirname(directory));
  await removeLeftovers(directory, check);
  const fresh = unfinishedPath(directory, 'new');
  try {
    await mkdir(fresh);
    await chmod(fresh, 0o755);
    for (const file of files) {
      const path = join(fresh, file.name);
      if ('link' in file) await link(file.link, path);
      else await writeWhole(path, file.data);
    }
    for (let attempt = 1; !(await exchange(fresh, directory, check)); attempt += 1)
      if (attempt >= ATTEMPTS_MAX) throw new Error(`${directory}: other processes replace it all the time`);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/**
 * Removes a directory of the tree: first its name, then its files.
 * @throws what `check` throws; then the directory stays
 */
export async function removeDirectory(directory: string, check: ReplacementCheck): Promise<void> {
  const old = await moveAway(directory, check);
  if (old === undefined) return;
  await syncDirectory(dirname(directory));
  await discard(old, directory);
}

/** Puts a directory in the place of another. @returns false if another process has put its own there at the same moment */
async function exchange(fresh: string, directory: string, check: ReplacementCheck): Promise<boolean> {
  const old = await moveAway(directory, check);
  const fault = await rename(fresh, directory).catch((error: unknown) => error);
  const isThere = fault !== undefined && isTaken(fault);
  if (fault !== undefined && !isThere) {
    if (old !== undefined) await putBack(old, directory);
    throw fault;
  }
  await syncDirectory(dirname(directory));
  if (old !== undefined) await discard(old, directory);
  return !isThere;
}

/** True for the errors of rename(2) of a directory if one with entries is there, or a file or a link. */
const isTaken = (error: unknown): boolean => ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(osErrorCode(error) ?? '');

/** @returns where the directory is now; undefined: there was none @throws what `check` throws; then the directory is in its place */
async function moveAway(directory: string, check: ReplacementCheck): Promise<string | undefined> {
  // Machines load from a directory that stays, so it is not moved for the check alone.
  check(directory, directory);
  const old = unfinishedPath(directory, 'old');
  if (!(await renameIfThere(directory, old))) return undefined;
  try {
    check(old, directory);
  } catch (error) {
    await putBack(old, directory);
    throw error;
  }
  return old;
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
async function discard(old: string, directory: string): Promise<void> {
  const gone = unfinishedPath(directory, 'gone');
  await rename(old, gone);
  await rm(gone, { recursive: true, force: true });
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
const unfinishedPath = (path: string, state: 'new' | 'old' | 'gone'): string =>
  join(dirname(path), `.${basename(path)}.${state}-${process.pid}-${newUuid()}`);

/** The end of such a name, in a regular expression. */
export const UNFINISHED_END = String.raw`\.(?<state>new|old|gone)-(?<pid>\d+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`;
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
  else if (state === 'old' && !allows(check, path, place)) await keep(path, place);
  else await rm(path, { recursive: true, force: true });
}

/** False if a check refuses, or cannot decide. */
function allows(check: ReplacementCheck, at: string, place: string): boolean {
  try {
    check(at, place);
    return true;
  } catch {
    return false;
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
