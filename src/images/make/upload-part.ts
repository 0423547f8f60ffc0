// The received bytes of an upload: one file in the tree, written in order.
//
//   TREE/images/.uploads/ID-HASH.part      the beginning of the file that has this hash
//   TREE/images/.uploads/.whole-…          a file received in one piece, before its upload exists
//
// 1. A piece counts only when it is on disk. Bytes after the counted ones are of a killed process,
//    and are overwritten.
// 2. Hidden names are not served.
// 3. A piece is written as it arrives: one chunk is in memory.
// 4. One piece at a time is written. A part with a second name is in the store: it never changes again.

import { createHash } from 'node:crypto';
import { constants, type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ownPlace } from '../../files/own-names.ts';
import { ownershipRemedy } from '../../files/ownership.ts';
import { seenEntry } from '../../files/seen-stats.ts';
import { newUuid } from '../../ground/clock.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { checkSpace, SPACE_CHECK_BYTES } from '../content/blob-writing.ts';
import { assertOwnStore } from '../store/image-store.ts';
import { makeDirectories, syncDirectory } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';

/** An older whole file, or part of another host's upload, belongs to no running request. */
const LEFTOVER_MS = 10 * 60 * 1000;
const MODE = 0o600;

export interface PartOf {
  readonly id: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface WholeFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

const uploadDirectory = (tree: string): string => ownPlace(tree, '.uploads');

const partFileName = ({ id, sha256 }: PartOf): string => `${id}-${sha256.slice(0, 16)}.part`;

/** Paths that are being written. */
const written = new Set<string>();

export const uploadPartPath = (tree: string, upload: PartOf): string =>
  join(uploadDirectory(tree), partFileName(upload));

/** @throws RackError `store-unwritable` without room for `bytes`, `tree-unreadable` */
export async function checkUploadSpace(tree: string, bytes: number): Promise<void> {
  const directory = uploadDirectory(tree);
  try {
    assertOwnStore(tree);
    await makeDirectories(directory);
    await checkSpace(join(directory, 'part'), bytes);
  } catch (error) {
    throw asStoreError(error, directory);
  }
}

export type PieceResult = 'written' | 'short' | 'missing' | 'busy';

/** Checks and counts a piece. Both are called while nothing else writes the part. */
export interface PieceCount {
  /** False: other bytes were counted since the caller looked, or the upload ended. */
  readonly isNext: () => Promise<boolean>;
  /** Called when the piece is on disk. False: as for `isNext`. */
  readonly count: () => Promise<boolean>;
}

interface PlacedPiece extends PieceCount {
  readonly at: number;
  readonly bytes: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * Writes a piece after the first `at` bytes of the part, and counts it. A truncated piece changes nothing.
 * @returns `written`: on disk and counted; `short`: the content ended before `bytes`; `missing`:
 * this host has fewer than `at` bytes; `busy`: the part is being written or finished, or was when
 * the caller looked
 * @throws RackError `store-unwritable`; any error of reading the content
 */
export async function writePart(tree: string, upload: PartOf, piece: PlacedPiece): Promise<PieceResult> {
  await checkUploadSpace(tree, piece.bytes);
  const path = uploadPartPath(tree, upload);
  if (written.has(path)) return 'busy';
  written.add(path);
  try {
    // Another piece may have been written since the caller looked: writing here would cut off counted bytes.
    if (!(await piece.isNext())) return 'busy';
    const result = await writeLocked(tree, upload, piece);
    return result === 'written' && !(await piece.count()) ? 'busy' : result;
  } finally {
    written.delete(path);
  }
}

async function writeLocked(tree: string, upload: PartOf, { at, bytes, content }: PlacedPiece): Promise<PieceResult> {
  const file = await openPart(tree, upload, at);
  if (file === undefined) return 'missing';
  try {
    if ((await file.stat()).nlink > 1) return 'busy';
    if ((await writeAll(tree, file, at, content)) < bytes) return 'short';
    await storing(tree, () => file.truncate(at + bytes).then(() => file.sync()));
  } finally {
    await file.close();
  }
  if (at === 0) await syncDirectory(uploadDirectory(tree));
  return 'written';
}

/**
 * Receives a whole file of unknown hash.
 * @throws RackError `bad-argument` if it has more than `bytesMax` bytes; otherwise as `writePart`
 */
export async function receiveWhole(
  tree: string,
  content: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<WholeFile> {
  await checkUploadSpace(tree, 0);
  const path = join(uploadDirectory(tree), `.whole-${newUuid()}`);
  const hash = createHash('sha256');
  async function* hashed(): AsyncGenerator<Uint8Array> {
    let length = 0;
    for await (const bytes of content) {
      length += bytes.length;
      if (length > bytesMax) throw new RackError('bad-argument', `an upload has at most ${bytesMax} bytes`);
      hash.update(bytes);
      yield bytes;
    }
  }
  const file = await storing(tree, () => open(path, 'wx', MODE));
  try {
    const bytes = await writeAll(tree, file, 0, hashed());
    await storing(tree, () => file.sync());
    return { path, bytes, sha256: hash.digest('hex') };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

export const discardWhole = ({ path }: WholeFile): Promise<void> => rm(path, { force: true });

/** Makes a whole file the part of an upload. */
export async function adoptWhole(tree: string, { path }: WholeFile, upload: PartOf): Promise<void> {
  await storing(tree, () => rename(path, uploadPartPath(tree, upload)));
  await syncDirectory(uploadDirectory(tree));
}

/** The size of the part in bytes; 0: this host has none. */
export async function partBytes(tree: string, upload: PartOf): Promise<number> {
  return (await stat(uploadPartPath(tree, upload)).catch(() => undefined))?.size ?? 0;
}

/** Removes the part of an upload that is over; `sweepParts` retries and reports. */
export async function removePart(tree: string, upload: PartOf): Promise<void> {
  await removeFile(uploadPartPath(tree, upload));
}

/** `isHere`: its bytes are on this host, or nowhere yet. */
interface PlacedUpload extends PartOf {
  readonly isHere: boolean;
}

/**
 * Removes files of uploads that have ended, unless they are in use, and of those whose bytes
 * another host has.
 * @param listUploads all uploads of the region. It is called after the files were listed, because
 * an upload begins before its part
 * @returns the first failure; undefined: none
 */
export async function sweepParts(
  tree: string,
  listUploads: () => Promise<readonly PlacedUpload[]>,
  nowMs: number,
): Promise<RackError | undefined> {
  const directory = uploadDirectory(tree);
  let problem: RackError | undefined;
  // Behind a link are the files of somebody else.
  if (seenEntry(directory)?.isDirectory() !== true) return undefined;
  const names = await readdir(directory).catch(() => []);
  const uploads = new Map((await listUploads()).map((upload) => [partFileName(upload), upload]));
  for (const name of names) {
    if (!/^(?:\d+-[0-9a-f]{16}\.part(?:\.lock)?|\.whole-[0-9a-f-]{36})$/.test(name)) continue;
    const isWhole = name.startsWith('.whole-');
    const upload = uploads.get(name.replace(/\.lock$/, ''));
    if (upload?.isHere === true) continue;
    const path = join(directory, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts === undefined) continue;
    if ((isWhole || upload !== undefined) && nowMs - facts.mtimeMs < LEFTOVER_MS) continue;
    if (written.has(path)) continue;
    const failed = await removeFile(path);
    problem ??= failed;
  }
  return problem;
}

async function removeFile(path: string): Promise<RackError | undefined> {
  try {
    await rm(path, { force: true });
    return undefined;
  } catch (cause) {
    const code = osErrorCode(cause)?.replace(/^ERR_FS_/, '');
    if (code === undefined) throw cause;
    const text = `the leftover upload ${path} cannot be removed (${code}): ${removalRemedy(code, path)}`;
    return new RackError('store-unwritable', text, { cause });
  }
}

function removalRemedy(code: string, path: string): string {
  if (code === 'EISDIR') return 'remove this directory';
  if (code === 'EROFS') return 'mount its file system so that it can be written';
  const directory = dirname(path);
  return ownershipRemedy(directory, directory);
}

async function openPart(tree: string, upload: PartOf, at: number): Promise<FileHandle | undefined> {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK | (at === 0 ? constants.O_CREAT : 0);
  const file = await storing(tree, () => open(uploadPartPath(tree, upload), flags, MODE)).catch((error: unknown) => {
    if (at > 0 && osErrorCode(error instanceof Error ? error.cause : undefined) === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  const facts = await file.stat();
  if (facts.isFile() && facts.size >= at) return file;
  await file.close();
  return undefined;
}

async function writeAll(
  tree: string,
  file: FileHandle,
  start: number,
  content: AsyncIterable<Uint8Array>,
): Promise<number> {
  let at = start;
  let checkedAt = start;
  for await (const bytes of content) {
    for (let done = 0; done < bytes.length; ) {
      const from = done;
      const { bytesWritten } = await storing(tree, () => file.write(bytes, from, bytes.length - from, at));
      done += bytesWritten;
      at += bytesWritten;
    }
    if (at - checkedAt < SPACE_CHECK_BYTES) continue;
    checkedAt = at;
    await checkUploadSpace(tree, 0);
  }
  return at - start;
}

async function storing<T>(tree: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asStoreError(error, uploadDirectory(tree));
  }
}
