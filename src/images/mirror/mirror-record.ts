// The record of the files that a mirror wrote into its directory, so that a later run removes these files and no others.
//
//   DIR/.rackboot-mirror/record.json      path, checksum, size and time of each file
//   DIR/.rackboot-mirror/HEX-… .part      downloads under way
//   DIR/.rackboot-mirror/lock             one run at a time
//
// 1. A path is recorded with the checksum of its new file before the file appears there, so a later run knows every file that a killed run
//    left. The facts of the old file stay until then.
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
import type { Digest, DigestAlgorithm } from '../download/digest.ts';
import { publishFile } from '../publication.ts';
import { heedStop } from './mirror-plan.ts';

/** Bound on the files of a mirror. */
const FILES_MAX = 200_000;
/** The longest record that is read, in bytes. */
const RECORD_BYTES_MAX = 128 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;
const SHA512_CHARACTERS = 128;

const entry = z.object({
  path: z.string().refine(isContainedPath),
  /** Of the file that was written last; if none was, of the one that was about to be written. */
  hex: z.string(),
  /** Size and time when the file was written; absent if it was only about to be written. */
  bytes: z.number().optional(),
  mtimeMs: z.number().optional(),
  /** Of a file that was about to be written. A record of an earlier version lacks it. */
  next: z.string().optional(),
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

/** The highest part of the way to a path that is not a directory; undefined: there is none. */
function findObstacle(directory: string, path: string): string | undefined {
  for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
    const at = join(directory, path.slice(0, end));
    const facts = seenEntry(at);
    if (facts === undefined) return undefined;
    if (!facts.isDirectory()) return at;
  }
  return undefined;
}

/** @throws RackError `already-exists` if a link or a file has the place of a directory above a path */
export function checkWay(directory: string, path: string): void {
  const obstacle = findObstacle(directory, path);
  if (obstacle !== undefined) throw inTheWay(obstacle);
}

function inTheWay(obstacle: string): RackError {
  const why = seenEntry(obstacle)?.isSymbolicLink()
    ? 'it is a link, and a mirror writes nothing through one; put a directory in its place'
    : 'the site has a directory of this name; move it away';
  return new RackError('already-exists', `${obstacle} is in the way: ${why}, or choose another directory`);
}

const FOREIGN = 'it has different content, and no mirror wrote it';

const foreign = (path: string, why: string): RackError =>
  new RackError('already-exists', `${path} is in the way: ${why}; move it away, or choose another directory`);

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
   * @throws RackError `already-exists` if something else has the path of a file, `cancelled`
   */
  async findMissing(
    files: readonly Wanted[],
    documents: readonly Wanted[],
    signal: AbortSignal,
  ): Promise<readonly Wanted[]> {
    const missing: Wanted[] = [];
    const ways = new Map([...files, ...documents].map(({ path }) => [dirname(path), path]));
    for (const path of ways.values()) {
      await heedStop(signal);
      const obstacle = findObstacle(this.#directory, path);
      if (obstacle !== undefined && !(await this.#isOwn(relative(this.#directory, obstacle), signal)))
        throw inTheWay(obstacle);
    }
    for (const wanted of [...files, ...documents]) {
      await heedStop(signal);
      if (!(await this.#isThere(wanted, signal))) missing.push(wanted);
    }
    return missing;
  }

  /**
   * Records the files and documents that are about to be written: a changed document after every file that it names.
   * @returns the files that are still missing
   * @throws RackError `already-exists` if something else has the path of a file, `limit-reached` for too many files, `cancelled`
   */
  async expect(
    files: readonly Wanted[],
    documents: readonly Wanted[],
    signal: AbortSignal,
  ): Promise<readonly Wanted[]> {
    const missing = await this.findMissing(files, documents, signal);
    const named = new Set(documents.map(({ path }) => path));
    for (const { path, digest } of missing) {
      const known = this.#entries.get(path);
      // A Map keeps the place of an entry that is set again. An entry that was deleted before becomes the last one.
      if (named.has(path)) this.#entries.delete(path);
      this.#entries.set(path, { ...(known ?? { path, hex: digest.hex }), next: digest.hex });
    }
    if (this.#entries.size > FILES_MAX)
      throw new RackError('limit-reached', `a mirror may have at most ${FILES_MAX} files: choose fewer with filters`);
    await this.save();
    return missing;
  }

  /** True if nothing is at a path, nor in the place of a directory above it. */
  isFree(path: string): boolean {
    return findObstacle(this.#directory, path) === undefined && seenEntry(join(this.#directory, path)) === undefined;
  }

  /** True for a file that a mirror wrote, and that nobody has changed since. @throws RackError `cancelled` */
  async #isOwn(path: string, signal: AbortSignal): Promise<boolean> {
    const known = this.#entries.get(path);
    const at = join(this.#directory, path);
    const facts = seenEntry(at);
    if (known === undefined || facts?.isFile() !== true) return false;
    const { hex, bytes, mtimeMs, next } = known;
    if (bytes === facts.size && mtimeMs === facts.mtimeMs) return true;
    if (bytes !== undefined && next === undefined) return false;
    // A killed run may have left its new file.
    const expected = next ?? hex;
    const isExpected = (await hashFile(at, algorithmOf(expected), signal)) === expected;
    if (isExpected) this.wrote({ path, digest: { hex: expected } });
    // Earlier versions did not keep the facts of the old file.
    return isExpected || next === undefined;
  }

  /**
   * Removes files that earlier runs wrote and that are in the way of a path: one of them has the place of a directory above it, or they are
   * in a directory at the path itself.
   * @throws RackError `already-exists` if something else is in the way, `cancelled`
   */
  async makeWay(path: string, signal: AbortSignal): Promise<void> {
    const obstacle = findObstacle(this.#directory, path);
    const above = obstacle === undefined ? [] : [relative(this.#directory, obstacle)];
    const at = join(this.#directory, path);
    const isDirectory = (): boolean => seenEntry(at)?.isDirectory() === true;
    const below = obstacle === undefined && isDirectory() ? this.#below(path) : [];
    for (const other of [...above, ...below]) {
      if (await this.#isOwn(other, signal)) {
        await rm(join(this.#directory, other));
        this.#entries.delete(other);
      }
      await this.#removeEmpty(dirname(other));
    }
    checkWay(this.#directory, path);
    if (isDirectory()) throw foreign(at, FOREIGN);
  }

  #below(path: string): readonly string[] {
    return [...this.#entries.keys()].filter((other) => other.startsWith(`${path}/`));
  }

  async #isThere({ path, digest }: Wanted, signal: AbortSignal): Promise<boolean> {
    const at = join(this.#directory, path);
    const facts = foundStats(at);
    if (facts === undefined) return false;
    if (seenEntry(at)?.isDirectory() === true) {
      const other = await this.#findForeign(path, signal);
      if (other === undefined) return false;
      throw foreign(at, other === at ? FOREIGN : `${FOREIGN}: ${other}`);
    }
    if (await this.#isOwn(path, signal)) {
      const known = this.#entries.get(path);
      return known?.bytes !== undefined && known.hex === digest.hex;
    }
    if (facts.isFile() && (await hashFile(at, digest.algorithm, signal)) === digest.hex) return true;
    throw foreign(at, FOREIGN);
  }

  /** An entry of a directory that no mirror made, or the directory itself; undefined: there is none. */
  async #findForeign(path: string, signal: AbortSignal): Promise<string | undefined> {
    const at = join(this.#directory, path);
    const entries = await readdir(at, { recursive: true, withFileTypes: true });
    const filled = new Set(entries.map(({ parentPath }) => parentPath));
    const own = this.#below(path);
    // A killed run may have left a directory without the file that belongs there.
    const isMade = (directory: string): boolean =>
      filled.has(directory) || own.some((other) => join(this.#directory, other).startsWith(`${directory}/`));
    if (!isMade(at)) return at;
    for (const one of entries) {
      const found = join(one.parentPath, one.name);
      const isOwn = one.isDirectory() ? isMade(found) : await this.#isOwn(relative(this.#directory, found), signal);
      if (!isOwn) return found;
    }
    return undefined;
  }

  /** Notes that a file is now at its path. */
  wrote({ path, digest: { hex } }: { readonly path: string; readonly digest: Pick<Digest, 'hex'> }): void {
    const facts = foundStats(join(this.#directory, path));
    if (facts !== undefined) this.#entries.set(path, { path, hex, bytes: facts.size, mtimeMs: facts.mtimeMs });
  }

  /**
   * Removes files that earlier runs wrote and that this run does not want. The last recorded goes first, so a document goes before the
   * files that it names.
   * @returns the removed paths, in that order
   * @throws RackError `cancelled`: the next run removes the others
   */
  async removeOthers(wanted: ReadonlySet<string>, signal: AbortSignal): Promise<readonly string[]> {
    const removed: string[] = [];
    const others = [...this.#entries.keys()].filter((path) => !wanted.has(path)).reverse();
    try {
      for (const path of others) {
        await heedStop(signal);
        const isReached = findObstacle(this.#directory, path) === undefined;
        if (isReached && (await this.#isOwn(path, signal))) {
          await rm(join(this.#directory, path), { force: true });
          await this.#removeEmpty(dirname(path));
          removed.push(path);
        }
        this.#entries.delete(path);
      }
    } finally {
      await this.save();
    }
    return removed;
  }

  async #removeEmpty(path: string): Promise<void> {
    for (let at = path; at !== '.'; at = dirname(at)) {
      try {
        await rmdir(join(this.#directory, at));
      } catch (error) {
        // The directory has other files.
        if (osErrorCode(error) !== 'ENOENT') return;
      }
    }
  }

  async save(): Promise<void> {
    const text = JSON.stringify({ schema: 1, files: [...this.#entries.values()] });
    await publishFile(recordPath(this.#directory), Buffer.from(`${text}\n`));
  }
}

/** The algorithm of a checksum: the two differ in their length. */
const algorithmOf = (hex: string): DigestAlgorithm => (hex.length === SHA512_CHARACTERS ? 'sha512' : 'sha256');

async function hashFile(path: string, algorithm: DigestAlgorithm, signal: AbortSignal): Promise<string> {
  const hash = createHash(algorithm);
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
    hash.update(piece);
    await heedStop(signal);
  }
  return hash.digest('hex');
}
