// Reads blobs of the store to verify them, and gives files their places.
//
// 1. A blob is a regular file in a real directory: neither may be a link, which could lead anywhere.
// 2. A name proves nothing: existing bytes are hashed before another image uses them, and wrong
//    ones are replaced.
// 3. Blobs get and lose their places in the turns in which manifests are written (`inStoreTurn`).
//    There a publication looks for its blobs, a removal for manifests that name its blobs, and a
//    check for the file that it has read.

import { constants, type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { seenEntry, statsIdentity } from '../../files/seen-stats.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { hashFile } from './file-hash.ts';
import type { ImageBlob } from './image-store.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { makeDirectories, syncDirectory } from './publication.ts';

/** The state of a blob: whole, or the reason why it is not. */
export type ContentState =
  | { readonly kind: 'whole'; readonly bytes: number }
  | { readonly kind: 'missing' }
  /**
   * Wrong size or hash, or not a file. @param found its actual hash; undefined if its size was
   * already wrong
   */
  | { readonly kind: 'damaged'; readonly bytes: number; readonly found: string | undefined }
  /** Its directory is a link. */
  | { readonly kind: 'linked' }
  | { readonly kind: 'unreadable'; readonly code: string };

type PlacedBlob = Omit<ImageBlob, 'bytes'>;

const turns = new OneAtATime();

/**
 * Does `work` while no other work writes a manifest or moves a blob. Others wait, so `work` hashes
 * and copies nothing.
 */
export const inStoreTurn = <T>(work: () => Promise<T>): Promise<T> => turns.do(work);

/** Opens a file for reading; rejects with ELOOP for a link, and never waits for a FIFO. */
export const openStored = (path: string): Promise<FileHandle> =>
  open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);

interface JudgeOptions {
  /** A sweep that begins now spares it. */
  readonly isForUse?: boolean;
  readonly onProgress?: (bytes: number) => void;
  /** Gets the identity of the file (files/seen-stats.ts) before it is read. */
  readonly onSeen?: (identity: string) => void;
}

/** Compares a blob with its hash. @param bytes its size; undefined: unknown */
export async function judgeBlob(
  tree: string,
  { path, sha256, bytes }: Omit<ImageBlob, 'bytes'> & { readonly bytes?: number | undefined },
  { isForUse = false, onProgress, onSeen }: JudgeOptions = {},
): Promise<ContentState> {
  const blob = join(tree, path);
  let file: FileHandle;
  try {
    if ((await lstat(dirname(blob))).isSymbolicLink()) return { kind: 'linked' };
    const entry = await lstat(blob, { bigint: true });
    onSeen?.(statsIdentity(entry));
    if (!entry.isFile()) return { kind: 'damaged', bytes: Number(entry.size), found: undefined };
    file = await openStored(blob);
  } catch (error) {
    const code = osErrorCode(error) ?? 'unknown';
    return code === 'ENOENT' ? { kind: 'missing' } : { kind: 'unreadable', code };
  }
  try {
    const facts = await file.stat();
    const isRight = bytes === undefined || facts.size === bytes;
    if (!facts.isFile() || !isRight) return { kind: 'damaged', bytes: facts.size, found: undefined };
    // Makes it recent, as `keepBlobRecent` does.
    if (isForUse) await file.chmod(facts.mode & 0o7777);
    const hash = await hashFile(file, onProgress);
    return hash === sha256 ? { kind: 'whole', bytes: facts.size } : { kind: 'damaged', bytes: facts.size, found: hash };
  } catch (error) {
    return { kind: 'unreadable', code: osErrorCode(error) ?? 'unknown' };
  } finally {
    await file.close();
  }
}

/**
 * Gives a verified file its place, unless the store has its bytes.
 * @throws RackError as `replaceBlob`
 */
export async function placeBlob(tree: string, wanted: PlacedBlob, from: string, how: 'rename' | 'link'): Promise<void> {
  const { kind } = await judgeBlob(tree, wanted, { isForUse: true });
  if (kind !== 'whole') await replaceBlob(tree, wanted, from, how);
}

/**
 * Gives a verified file its place, instead of what is there.
 * @param how `rename` takes the file's name; `link` keeps it
 * @throws RackError `store-unwritable` if the directory is a link; the system's error
 */
export async function replaceBlob(
  tree: string,
  { path }: Pick<PlacedBlob, 'path'>,
  from: string,
  how: 'rename' | 'link',
): Promise<void> {
  const blob = join(tree, path);
  await inStoreTurn(async () => {
    await makeRealDirectory(dirname(blob));
    // A rename replaces no directory, and a link replaces nothing.
    if (how === 'link' || seenEntry(blob)?.isDirectory() === true) await rm(blob, { recursive: true, force: true });
    await (how === 'link' ? link(from, blob) : rename(from, blob));
  });
  await syncDirectory(dirname(blob)).catch((error: unknown) => {
    // A removal has taken the file, which the publication will miss.
    if (osErrorCode(error) !== 'ENOENT') throw error;
  });
}

/**
 * Makes a directory of the store, unless it is there.
 * @throws RackError `store-unwritable` if anything else is there, even a link; the system's error
 */
export async function makeRealDirectory(directory: string): Promise<void> {
  const entry = seenEntry(directory);
  if (entry?.isDirectory() === true) return;
  if (entry === undefined) return await makeDirectories(directory);
  const remedy = 'put a directory with its files in its place';
  const why = entry.isSymbolicLink() ? 'is a link, and images are not written through it' : 'is not a directory';
  throw new RackError('store-unwritable', `${directory} ${why}: ${remedy}`);
}
