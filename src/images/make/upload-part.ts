// The received bytes of an upload: one file in the tree, written in order.
//
//   TREE/images/.uploads/ID-HASH.part      the beginning of the file that has this hash
//   TREE/images/.uploads/.whole-…          a file received in one piece, before its upload exists
//
// 1. A piece counts only when it is on disk. Bytes after the counted ones were written by a killed
//    process, and are overwritten.
// 2. Hidden names are not served.
// 3. A piece is written as it arrives. Only one chunk is in memory.
// 4. One piece at a time is written. A part with a second hard link is in the store, and never changes again.

import { createHash } from 'node:crypto';
import { constants, type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { composeOwnEntryPath } from '../../files/own-names.ts';
import { composeOwnershipRemedy } from '../../files/ownership.ts';
import { statLinkIfVisible } from '../../files/seen-stats.ts';
import { newUuid } from '../../ground/clock.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { checkSpace, SPACE_CHECK_BYTES } from '../content/blob-writing.ts';
import { assertOwnStore } from '../store/image-store.ts';
import { makeDirectories, syncDirectory } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';

/**
 * The age in milliseconds from which a whole file, or the part of another host's upload, belongs to
 * no running request.
 */
const LEFTOVER_MS = 10 * 60 * 1000;
const MODE = 0o600;

export interface UploadPart {
  readonly id: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface WholeFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

const uploadDirectory = (tree: string): string => composeOwnEntryPath(tree, '.uploads');

const partFileName = ({ id, sha256 }: UploadPart): string => `${id}-${sha256.slice(0, 16)}.part`;

/** Paths that this process is writing. */
const pathsInUse = new Set<string>();

export const uploadPartPath = (tree: string, upload: UploadPart): string =>
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

/** Checks and counts a piece. Both functions are called while nothing else writes the part. */
export interface PieceCount {
  /** False if other bytes were counted since the caller read the count, or the upload ended. */
  readonly isUnchanged: () => Promise<boolean>;
  /** Called when the piece is on disk. Returns false in the cases of `isUnchanged`. */
  readonly count: () => Promise<boolean>;
}

interface PartPiece extends PieceCount {
  readonly offset: number;
  readonly bytes: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * Writes a piece after the first `offset` bytes of the part, and counts it. A truncated piece
 * changes nothing.
 * @returns `pathsInUse`: on disk and counted; `short`: the content ended before `bytes`; `missing`:
 * this host has fewer than `offset` bytes; `busy`: the part is being written or finished, or was
 * when the caller read the count
 * @throws RackError `store-unwritable`; any error of reading the content
 */
export async function writePart(tree: string, upload: UploadPart, piece: PartPiece): Promise<PieceResult> {
  await checkUploadSpace(tree, piece.bytes);
  const path = uploadPartPath(tree, upload);
  if (pathsInUse.has(path)) return 'busy';
  pathsInUse.add(path);
  try {
    // Another piece may have been written since the caller read the count. Writing then would cut
    // off counted bytes.
    if (!(await piece.isUnchanged())) return 'busy';
    const result = await writeLocked(tree, upload, piece);
    return result === 'written' && !(await piece.count()) ? 'busy' : result;
  } finally {
    pathsInUse.delete(path);
  }
}

async function writeLocked(
  tree: string,
  upload: UploadPart,
  { offset, bytes, content }: PartPiece,
): Promise<PieceResult> {
  const file = await openPart(tree, upload, offset);
  if (file === undefined) return 'missing';
  try {
    if ((await file.stat()).nlink > 1) return 'busy';
    if ((await writeAll(tree, file, offset, content)) < bytes) return 'short';
    await withStoreErrors(tree, () => file.truncate(offset + bytes).then(() => file.sync()));
  } finally {
    await file.close();
  }
  if (offset === 0) await syncDirectory(uploadDirectory(tree));
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
  async function* hashContent(): AsyncGenerator<Uint8Array> {
    let length = 0;
    for await (const bytes of content) {
      length += bytes.length;
      if (length > bytesMax) throw new RackError('bad-argument', `an upload has at most ${bytesMax} bytes`);
      hash.update(bytes);
      yield bytes;
    }
  }
  const file = await withStoreErrors(tree, () => open(path, 'wx', MODE));
  try {
    const bytes = await writeAll(tree, file, 0, hashContent());
    await withStoreErrors(tree, () => file.sync());
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
export async function adoptWhole(tree: string, { path }: WholeFile, upload: UploadPart): Promise<void> {
  await withStoreErrors(tree, () => rename(path, uploadPartPath(tree, upload)));
  await syncDirectory(uploadDirectory(tree));
}

/** Returns the size of the part in bytes, or 0 if this host has none. */
export async function partBytes(tree: string, upload: UploadPart): Promise<number> {
  return (await stat(uploadPartPath(tree, upload)).catch(() => undefined))?.size ?? 0;
}

/** Removes the part of an ended upload. If that fails, `sweepParts` retries and reports it. */
export async function removePart(tree: string, upload: UploadPart): Promise<void> {
  await removeFile(uploadPartPath(tree, upload));
}

/** `belongsToHost` is true if the bytes are on this host, or nowhere yet. */
interface PlacedUpload extends UploadPart {
  readonly belongsToHost: boolean;
}

/**
 * Removes files of ended uploads, unless they are in use, and files of uploads whose bytes another host has.
 * @param listUploads returns all uploads of the region. It is called after the files were listed,
 * because an upload begins before its part exists
 * @returns the first failure. Undefined if there was none
 */
export async function sweepParts(
  tree: string,
  listUploads: () => Promise<readonly PlacedUpload[]>,
  nowMs: number,
): Promise<RackError | undefined> {
  const directory = uploadDirectory(tree);
  let problem: RackError | undefined;
  // A link may lead to files that belong to somebody else.
  if (statLinkIfVisible(directory)?.isDirectory() !== true) return undefined;
  const names = await readdir(directory).catch(() => []);
  const uploads = new Map((await listUploads()).map((upload) => [partFileName(upload), upload]));
  for (const name of names) {
    if (!/^(?:\d+-[0-9a-f]{16}\.part(?:\.lock)?|\.whole-[0-9a-f-]{36})$/.test(name)) continue;
    const isWhole = name.startsWith('.whole-');
    const upload = uploads.get(name.replace(/\.lock$/, ''));
    if (upload?.belongsToHost === true) continue;
    const path = join(directory, name);
    const fileStat = await stat(path).catch(() => undefined);
    if (fileStat === undefined) continue;
    if ((isWhole || upload !== undefined) && nowMs - fileStat.mtimeMs < LEFTOVER_MS) continue;
    if (pathsInUse.has(path)) continue;
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
  return composeOwnershipRemedy(directory, directory);
}

async function openPart(tree: string, upload: UploadPart, offset: number): Promise<FileHandle | undefined> {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK | (offset === 0 ? constants.O_CREAT : 0);
  const file = await withStoreErrors(tree, () => open(uploadPartPath(tree, upload), flags, MODE)).catch(
    (error: unknown) => {
      if (offset > 0 && osErrorCode(error instanceof Error ? error.cause : undefined) === 'ENOENT') return undefined;
      throw error;
    },
  );
  if (file === undefined) return undefined;
  const fileStat = await file.stat();
  if (fileStat.isFile() && fileStat.size >= offset) return file;
  await file.close();
  return undefined;
}

async function writeAll(
  tree: string,
  file: FileHandle,
  start: number,
  content: AsyncIterable<Uint8Array>,
): Promise<number> {
  let offset = start;
  let checkedOffset = start;
  for await (const bytes of content) {
    for (let done = 0; done < bytes.length; ) {
      const written = done;
      const { bytesWritten } = await withStoreErrors(tree, () =>
        file.write(bytes, written, bytes.length - written, offset),
      );
      done += bytesWritten;
      offset += bytesWritten;
    }
    if (offset - checkedOffset < SPACE_CHECK_BYTES) continue;
    checkedOffset = offset;
    await checkUploadSpace(tree, 0);
  }
  return offset - start;
}

async function withStoreErrors<T>(tree: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asStoreError(error, uploadDirectory(tree));
  }
}
