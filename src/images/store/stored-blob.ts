// Verifies blobs of the store, and puts files into the store as blobs.
//
// 1. A blob is a regular file in a real directory: neither may be a link, which could lead anywhere.
// 2. A name proves nothing: existing bytes are hashed before another image uses them, and wrong
//    ones are replaced.
// 3. Blobs are added and removed in the turns in which manifests are written (`inStoreTurn`). In a
//    turn, a publication checks that its blobs exist, a removal checks that no manifest names its
//    blobs, and a check makes sure that the file is the one it has read.

import { constants, type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { statLinkIfVisible, statsIdentity } from '../../files/seen-stats.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { hashFile } from './file-hash.ts';
import type { ImageBlob } from './image-store.ts';
import { SequentialQueue } from './one-at-a-time.ts';
import { makeDirectories, syncDirectory } from './publication.ts';

/** The state of a blob: intact, or the reason why it is not. */
export type ContentState =
  | { readonly kind: 'whole'; readonly bytes: number }
  | { readonly kind: 'missing' }
  /**
   * The blob has a wrong size or hash, or is not a file. @param found its actual hash. Undefined if
   * its size was already wrong
   */
  | { readonly kind: 'damaged'; readonly bytes: number; readonly found: string | undefined }
  /** Its directory is a link. */
  | { readonly kind: 'linked' }
  | { readonly kind: 'unreadable'; readonly code: string };

type BlobLocation = Omit<ImageBlob, 'bytes'>;

const storeQueue = new SequentialQueue();

/**
 * Runs `work` while no other work writes a manifest or moves a blob. Other works wait meanwhile, so
 * `work` must not hash or copy files.
 */
export const inStoreTurn = <T>(work: () => Promise<T>): Promise<T> => storeQueue.run(work);

/** Opens a file for reading. Rejects with ELOOP for a link, and never waits for a FIFO. */
export const openStored = (path: string): Promise<FileHandle> =>
  open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);

interface JudgeOptions {
  /** Renews the time of the blob, so that no sweep deletes it now. */
  readonly renewsTime?: boolean;
  readonly onProgress?: (bytes: number) => void;
  /** Called with the identity of the file (files/seen-stats.ts) before it is read. */
  readonly onIdentity?: (identity: string) => void;
}

/** Compares a blob with its hash. @param bytes its size. Undefined if unknown */
export async function judgeBlob(
  tree: string,
  { path, sha256, bytes }: Omit<ImageBlob, 'bytes'> & { readonly bytes?: number | undefined },
  { renewsTime = false, onProgress, onIdentity }: JudgeOptions = {},
): Promise<ContentState> {
  const blob = join(tree, path);
  let file: FileHandle;
  try {
    if ((await lstat(dirname(blob))).isSymbolicLink()) return { kind: 'linked' };
    const entry = await lstat(blob, { bigint: true });
    onIdentity?.(statsIdentity(entry));
    if (!entry.isFile()) return { kind: 'damaged', bytes: Number(entry.size), found: undefined };
    file = await openStored(blob);
  } catch (error) {
    const code = osErrorCode(error) ?? 'unknown';
    return code === 'ENOENT' ? { kind: 'missing' } : { kind: 'unreadable', code };
  }
  try {
    const stats = await file.stat();
    const hasRightSize = bytes === undefined || stats.size === bytes;
    if (!stats.isFile() || !hasRightSize) return { kind: 'damaged', bytes: stats.size, found: undefined };
    // Makes it recent, as `keepBlobRecent` does.
    if (renewsTime) await file.chmod(stats.mode & 0o7777);
    const hash = await hashFile(file, onProgress);
    return hash === sha256 ? { kind: 'whole', bytes: stats.size } : { kind: 'damaged', bytes: stats.size, found: hash };
  } catch (error) {
    return { kind: 'unreadable', code: osErrorCode(error) ?? 'unknown' };
  } finally {
    await file.close();
  }
}

/**
 * Puts a verified file into the store, unless the store already has its bytes.
 * @throws RackError as `replaceBlob`
 */
export async function placeBlob(
  tree: string,
  location: BlobLocation,
  source: string,
  mode: 'rename' | 'link',
): Promise<void> {
  const { kind } = await judgeBlob(tree, location, { renewsTime: true });
  if (kind !== 'whole') await replaceBlob(tree, location, source, mode);
}

/**
 * Puts a verified file into the store, replacing any entry at its path.
 * @param mode `rename` moves the file. `link` keeps its old name, too
 * @throws RackError `store-unwritable` if the directory is a link; the system's error
 */
export async function replaceBlob(
  tree: string,
  { path }: Pick<BlobLocation, 'path'>,
  source: string,
  mode: 'rename' | 'link',
): Promise<void> {
  const blob = join(tree, path);
  await inStoreTurn(async () => {
    await makeRealDirectory(dirname(blob));
    // A rename replaces no directory, and a link replaces nothing.
    if (mode === 'link' || statLinkIfVisible(blob)?.isDirectory() === true)
      await rm(blob, { recursive: true, force: true });
    await (mode === 'link' ? link(source, blob) : rename(source, blob));
  });
  await syncDirectory(dirname(blob)).catch((error: unknown) => {
    // A removal has deleted the file. The publication will find that it is missing.
    if (osErrorCode(error) !== 'ENOENT') throw error;
  });
}

/**
 * Makes a directory of the store, unless it exists.
 * @throws RackError `store-unwritable` if anything else has its path, even a link; the system's error
 */
export async function makeRealDirectory(directory: string): Promise<void> {
  const entry = statLinkIfVisible(directory);
  if (entry?.isDirectory() === true) return;
  if (entry === undefined) return await makeDirectories(directory);
  const remedy = 'put a directory with its files in its place';
  const why = entry.isSymbolicLink() ? 'is a link, and images are not written through it' : 'is not a directory';
  throw new RackError('store-unwritable', `${directory} ${why}: ${remedy}`);
}
