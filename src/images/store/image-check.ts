// Checks all blobs of the store against their hashes, and removes damaged ones.
//
//   each blob that a manifest names ─▶ size, sha256 ─┬─ whole
//                                                   ├─ damaged ─▶ .damaged/HASH.img[.zst], where machines cannot load it
//                                                   ├─ missing
//                                                   └─ behind a linked directory, unreadable
//
// 1. A blob found to be damaged is no longer served. Its manifest stays: the list shows the image
//    as missing, and an import of the same file restores it.
// 2. A damaged blob that can be downloaded again is deleted; that of an image added by hand is kept.
// 3. A blob that cannot be read, or whose directory is a link, is only reported: another attempt may succeed.
// 4. Only the file that was read is taken out; one that replaced it meanwhile is read, too.

import { readdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ownPlace } from '../../files/own-names.ts';
import { seenEntry, seenIdentity } from '../../files/seen-stats.ts';
import { assertOutside } from '../../ground/errors.ts';
import { type ImageBlob, listBlobs, manifestPath, readImages, type StoredImage } from './image-store.ts';
import { asStoreError } from './store-error.ts';
import { type ContentState, inStoreTurn, judgeBlob, makeRealDirectory } from './stored-blob.ts';
import { refreshTree } from './system-tree.ts';

/** A blob of the store, and the images that use it. */
export interface CheckedContent {
  /** Relative to the tree. */
  readonly path: string;
  readonly images: readonly StoredImage[];
  readonly state: ContentState;
  /** The damaged copy; undefined: none. */
  readonly movedTo?: string | undefined;
}

/** A blob that is replaced while it is read is read again, this often. */
const READINGS_MAX = 8;

interface CheckOptions {
  readonly tree: string;
  /** False: only report damaged blobs. */
  readonly repairs: boolean;
  /** In bytes of the whole store. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Checks every blob that a manifest names, one after the other. */
export async function checkContent({ tree, repairs, onProgress }: CheckOptions): Promise<readonly CheckedContent[]> {
  const needed = readImages(tree).images.flatMap((image) => listBlobs(image).map((blob) => ({ image, blob })));
  const byPath = Map.groupBy(needed, ({ blob }) => blob.path);
  const total = [...byPath.values()].reduce((sum, [first]) => sum + (first?.blob.bytes ?? 0), 0);
  const checked: CheckedContent[] = [];
  let before = 0;
  for (const users of byPath.values()) {
    const [first] = users;
    if (first === undefined) continue;
    const { blob } = first;
    const images = users.map(({ image }) => image);
    const done = before;
    const report = (bytes: number): void => onProgress(done + bytes, total);
    const content = await checkBlob(blob, images, { tree, repairs, onProgress: report });
    before += blob.bytes;
    // All its images were removed meanwhile.
    if (content.images.length === 0) continue;
    // The boot tree links to the same bytes.
    if (repairs) await refreshTree(tree, content.images);
    checked.push(content);
  }
  return checked;
}

/** @returns without images if all were removed meanwhile */
async function checkBlob(
  blob: ImageBlob,
  users: readonly StoredImage[],
  { tree, repairs, onProgress }: Omit<CheckOptions, 'onProgress'> & { readonly onProgress: (bytes: number) => void },
): Promise<CheckedContent> {
  const { path } = blob;
  for (let reading = 1; ; reading += 1) {
    let seen: string | undefined;
    const onSeen = (identity: string): void => {
      seen = identity;
    };
    const state = await judgeBlob(tree, blob, { onProgress, onSeen });
    const images = await stillThere(tree, users);
    if (state.kind !== 'damaged' || images.length === 0) return { path, images, state };
    const isSame = (): boolean => seenIdentity(join(tree, path)) === seen;
    const taken = repairs ? await takeOut(tree, path, images, isSame) : isSame() && {};
    if (taken !== false) return { path, images, state, ...taken };
    if (reading >= READINGS_MAX) return { path, images, state: { kind: 'unreadable', code: 'EBUSY' } };
  }
}

async function stillThere(tree: string, images: readonly StoredImage[]): Promise<readonly StoredImage[]> {
  const now = new Set(readImages(tree).images.map((image) => manifestPath(tree, image)));
  return images.filter((image) => now.has(manifestPath(tree, image)));
}

/**
 * Removes a damaged blob from the store.
 * @param isSame false if another file has its place, which stays
 * @returns the path of the kept copy, if any; false if nothing was removed
 */
async function takeOut(
  tree: string,
  path: string,
  images: readonly StoredImage[],
  isSame: () => boolean,
): Promise<Pick<CheckedContent, 'movedTo'> | false> {
  const blob = join(tree, path);
  const isKept = images.every(({ origin }) => origin === undefined);
  try {
    return await inStoreTurn(async () => {
      if (!isSame()) return false;
      if (isKept) return { movedTo: await moveAside(tree, blob) };
      await rm(blob, { recursive: true, force: true });
      return {};
    });
  } catch (error) {
    throw asStoreError(error, join(tree, 'images'));
  }
}

/** The directory of the damaged files that were kept. */
export const damagedDirectory = (tree: string): string => ownPlace(tree, '.damaged');

/** The size of the damaged files that were kept; 0: none, or they cannot be read. */
export function bytesMovedAside(tree: string): number {
  const directory = damagedDirectory(tree);
  if (seenEntry(directory)?.isDirectory() !== true) return 0;
  try {
    return readdirSync(directory).reduce((sum, name) => sum + (seenEntry(join(directory, name))?.size ?? 0), 0);
  } catch (error) {
    assertOutside(error);
    return 0;
  }
}

/**
 * Moves a file to the damaged ones, in a turn of the store.
 * @returns its new path
 * @throws RackError as `makeRealDirectory`; the system's error
 */
export async function moveAside(tree: string, path: string): Promise<string> {
  const directory = damagedDirectory(tree);
  await makeRealDirectory(directory);
  const to = join(directory, basename(path));
  // An earlier copy may be a directory.
  await rm(to, { recursive: true, force: true });
  await rename(path, to);
  return to;
}
