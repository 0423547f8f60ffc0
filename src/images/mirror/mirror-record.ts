// The record of the files that a mirror wrote into its directory, so that a later run removes these files and no others.
//
//   DIR/.rackboot-mirror/record.json      path, checksum, size and time of each file
//   DIR/.rackboot-mirror/HEX-… .part      downloads under way
//   DIR/.rackboot-mirror/lock             one run at a time
//
// 1. A path is recorded before a file appears there, so a later run knows every file that a killed run left.
// 2. A mirror does not replace or remove a file that was there before it, or that somebody has changed since. If that file has the right
//    content, the mirror uses it.
// 3. A mirror writes and removes nothing through a link to a directory, which may lead anywhere.
// 4. A file that a mirror wrote does not stand in its way: the site may have a directory there now, or a file instead of a directory.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { osErrorCode, RackError } from '../../errors.ts';
import { foundStats } from '../../files/found-stats.ts';
import { readRegularFile } from '../../files/regular-file.ts';
import { seenEntry } from '../../files/seen-stats.ts';
import { isContainedPath } from '../documents/contained-path.ts';
import type { Digest } from '../download/digest.ts';
import { publishFile } from '../publication.ts';

/** Bound on the files of a mirror. */
const FILES_MAX = 200_000;
/** The longest record that is read, in bytes. */
const RECORD_BYTES_MAX = 128 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;

const entry = z.object({
  path: z.string().refine(isContainedPath),
  hex: z.string(),
  /** Size and time when the file was written; absent if it was only about to be written. */
  bytes: z.number().optional(),
  mtimeMs: z.number().optional(),
});
const record = z.object({ schema: z.literal(1), files: z.array(entry).max(FILES_MAX) });
type Entry = z.output<typeof entry>;

/** A path and the content that belongs there. */
interface Wanted {
  readonly path: string;
  readonly digest: Digest;
}

/** The directory in a mirror that belongs to this program. */
export const workDirectory = (directory: string): string => join(directory, '.rackboot-mirror');

const recordPath = (directory: string): string => join(workDirectory(directory), 'record.json');

/** True if a mirror has begun to write into a directory. */
export const hasRecord = (directory: string): boolean => seenEntry(recordPath(directory)) !== undefined;

/** The part of the way to a path that is not a directory; undefined: there is none. */
function findObstacle(directory: string, path: string): string | undefined {
  for (let at = dirname(path); at !== '.'; at = dirname(at))
    if (seenEntry(join(directory, at))?.isDirectory() === false) return join(directory, at);
  return undefined;
}

/**
 * @param isOwn true for a path whose file is removed before the way is used; default: none
 * @throws RackError `already-exists` if a link or a file has the place of a directory above a path
 */
export function checkWay(directory: string, path: string, isOwn: (path: string) => boolean = () => false): void {
  const obstacle = findObstacle(directory, path);
  if (obstacle === undefined || isOwn(relative(directory, obstacle))) return;
  const why = seenEntry(obstacle)?.isSymbolicLink()
    ? 'it is a link, and a mirror writes nothing through one; put a directory in its place'
    : 'the site has a directory of this name; move it away';
  throw new RackError('already-exists', `${obstacle} is in the way: ${why}, or choose another directory`);
}

export class MirrorRecord {
  readonly #directory: string;
  readonly #entries: Map<string, Entry>;

  private constructor(directory: string, entries: readonly Entry[]) {
    this.#directory = directory;
    this.#entries = new Map(entries.map((one) => [one.path, one]));
  }

  /** @throws RackError `store-broken` for a record that cannot be read */
  static read(directory: string): MirrorRecord {
    const path = recordPath(directory);
    try {
      const { files } = record.parse(JSON.parse(readRegularFile(path, RECORD_BYTES_MAX)));
      return new MirrorRecord(directory, files);
    } catch (cause) {
      if (osErrorCode(cause) === 'ENOENT') return new MirrorRecord(directory, []);
      const remedy = 'remove it, and mirror into an empty directory';
      throw new RackError('store-broken', `${path} is not a record of a mirror: ${remedy}`, { cause });
    }
  }

  /**
   * Finds the files and documents that are missing, and changes nothing.
   * @throws RackError `already-exists` if something else has the path of a file
   */
  async findMissing(files: readonly Wanted[], documents: readonly Wanted[]): Promise<readonly Wanted[]> {
    const missing: Wanted[] = [];
    const ways = new Map([...files, ...documents].map(({ path }) => [dirname(path), path]));
    for (const path of ways.values()) checkWay(this.#directory, path, (obstacle) => this.#isOwn(obstacle));
    for (const wanted of [...files, ...documents]) if (!(await this.#isThere(wanted))) missing.push(wanted);
    return missing;
  }

  /**
   * Records the files and documents that are about to be written: a changed document after every file that it names.
   * @returns the files that are still missing
   * @throws RackError `already-exists` if something else has the path of a file, `limit-reached` for too many files
   */
  async expect(files: readonly Wanted[], documents: readonly Wanted[]): Promise<readonly Wanted[]> {
    const missing = await this.findMissing(files, documents);
    const named = new Set(documents.map(({ path }) => path));
    for (const { path, digest } of missing) {
      // A Map keeps the place of an entry that is set again. An entry that was deleted before becomes the last one.
      if (named.has(path)) this.#entries.delete(path);
      this.#entries.set(path, { path, hex: digest.hex });
    }
    if (this.#entries.size > FILES_MAX)
      throw new RackError('limit-reached', `a mirror may have at most ${FILES_MAX} files: choose fewer with filters`);
    await this.save();
    return missing;
  }

  /** True for a file that a mirror wrote, and that nobody has changed since. */
  #isOwn(path: string): boolean {
    const known = this.#entries.get(path);
    const facts = seenEntry(join(this.#directory, path));
    if (known === undefined || facts?.isFile() !== true) return false;
    return known.bytes === undefined || (known.bytes === facts.size && known.mtimeMs === facts.mtimeMs);
  }

  /**
   * Removes files that earlier runs wrote and that are in the way of a path: one of them has the place of a directory above it, or they are
   * in a directory at the path itself.
   * @throws RackError as `checkWay`
   */
  async makeWay(path: string): Promise<void> {
    const obstacle = findObstacle(this.#directory, path);
    const above = obstacle === undefined ? [] : [relative(this.#directory, obstacle)];
    const isDirectory = obstacle === undefined && seenEntry(join(this.#directory, path))?.isDirectory() === true;
    const below = isDirectory ? [...this.#entries.keys()].filter((other) => other.startsWith(`${path}/`)) : [];
    for (const other of [...above, ...below].filter((one) => this.#isOwn(one))) {
      await rm(join(this.#directory, other));
      await this.#removeEmpty(dirname(other));
      this.#entries.delete(other);
    }
    checkWay(this.#directory, path);
  }

  async #isThere({ path, digest }: Wanted): Promise<boolean> {
    const at = join(this.#directory, path);
    const facts = foundStats(at);
    if (facts === undefined) return false;
    if (seenEntry(at)?.isDirectory() === true && (await this.#isOwnDirectory(path))) return false;
    const known = this.#entries.get(path);
    const isUnchanged = known?.bytes === facts.size && known.mtimeMs === facts.mtimeMs;
    if (isUnchanged && known.hex === digest.hex) return true;
    const isOurs = known !== undefined && (isUnchanged || known.bytes === undefined);
    if (isOurs && known.hex !== digest.hex) return false;
    const isRight = facts.isFile() && (await hashFile(at, digest)) === digest.hex;
    if (isRight && isOurs) this.wrote({ path, digest });
    if (isRight || isOurs) return isRight;
    const why = 'it has different content, and no mirror wrote it';
    throw new RackError('already-exists', `${at} is in the way: ${why}; move it away, or choose another directory`);
  }

  /** True if a directory has nothing but files that a mirror wrote, and that nobody has changed since. */
  async #isOwnDirectory(path: string): Promise<boolean> {
    const entries = await readdir(join(this.#directory, path), { recursive: true, withFileTypes: true });
    return entries.every(
      (one) => one.isDirectory() || this.#isOwn(relative(this.#directory, join(one.parentPath, one.name))),
    );
  }

  /** Notes that a file is now at its path. */
  wrote({ path, digest: { hex } }: Wanted): void {
    const facts = foundStats(join(this.#directory, path));
    if (facts !== undefined) this.#entries.set(path, { path, hex, bytes: facts.size, mtimeMs: facts.mtimeMs });
  }

  /**
   * Removes files that earlier runs wrote and that this run does not want. The last recorded goes first, so a document goes before the
   * files that it names.
   * @returns the removed paths, in that order
   */
  async removeOthers(wanted: ReadonlySet<string>): Promise<readonly string[]> {
    const removed: string[] = [];
    const others = [...this.#entries.values()].filter(({ path }) => !wanted.has(path)).reverse();
    for (const { path, bytes, mtimeMs } of others) {
      const isReached = findObstacle(this.#directory, path) === undefined;
      const facts = isReached ? foundStats(join(this.#directory, path)) : undefined;
      const isOurs = bytes === undefined || (facts?.size === bytes && facts.mtimeMs === mtimeMs);
      if (facts !== undefined && isOurs) {
        await rm(join(this.#directory, path), { force: true });
        await this.#removeEmpty(dirname(path));
        removed.push(path);
      }
      this.#entries.delete(path);
    }
    await this.save();
    return removed;
  }

  async #removeEmpty(path: string): Promise<void> {
    for (let at = path; at !== '.'; at = dirname(at)) {
      try {
        await rmdir(join(this.#directory, at));
      } catch {
        // The directory has other files.
        return;
      }
    }
  }

  async save(): Promise<void> {
    const text = JSON.stringify({ schema: 1, files: [...this.#entries.values()] });
    await publishFile(recordPath(this.#directory), Buffer.from(`${text}\n`));
  }
}

async function hashFile(path: string, { algorithm }: Digest): Promise<string> {
  const hash = createHash(algorithm);
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) hash.update(piece);
  return hash.digest('hex');
}
