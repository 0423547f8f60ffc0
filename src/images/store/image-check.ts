// Checks all blobs of the store against their hashes, and removes damaged ones.
//
//   each blob that a manifest names ─▶ size, sha256 ─┬─ whole
//                                                   ├─ damaged ─▶ .damaged/HASH.img[.zst], where machines cannot load it
//                                                   ├─ missing
//                                                   └─ behind a linked directory, unreadable
//
// 1. A damaged blob is no longer served. Its manifest stays, so that the list shows the image as
//    missing, and an import of the same file restores it.
// 2. A damaged blob that can be downloaded again is deleted. A damaged blob of an image that was
//    added by hand is kept.
// 3. A blob that cannot be read, or whose directory is a link, is only reported, because another
//    attempt may succeed.
// 4. Only the file that was read is removed. A file that replaced it meanwhile is read, too.

import { readdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { composeOwnEntryPath } from '../../files/own-names.ts';
import { readPathIdentity, statLinkIfVisible } from '../../files/seen-stats.ts';
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
  /** The path of the kept damaged copy. Undefined if there is none. */
  readonly movedTo?: string | undefined;
}

/** How often a blob is read again if it is replaced while it is read. */
const READINGS_MAX = 8;

interface CheckOptions {
  readonly tree: string;
  /** If false, damaged blobs are only reported. */
  readonly repairs: boolean;
  /** Called with the checked and all bytes of the store. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Checks all blobs that manifests name, one after the other. */
export async function checkContent({ tree, repairs, onProgress }: CheckOptions): Promise<readonly CheckedContent[]> {
  const needed = readImages(tree).images.flatMap((image) => listBlobs(image).map((blob) => ({ image, blob })));
  const byPath = Map.groupBy(needed, ({ blob }) => blob.path);
  const total = [...byPath.values()].reduce((sum, [first]) => sum + (first?.blob.bytes ?? 0), 0);
  const checked: CheckedContent[] = [];
  let checkedBytes = 0;
  for (const users of byPath.values()) {
    const [first] = users;
    if (first === undefined) continue;
    const { blob } = first;
    const images = users.map(({ image }) => image);
    const previousBytes = checkedBytes;
    const report = (bytes: number): void => onProgress(previousBytes + bytes, total);
    const content = await checkBlob(blob, images, { tree, repairs, onProgress: report });
    checkedBytes += blob.bytes;
    // All images of the blob were removed meanwhile.
    if (content.images.length === 0) continue;
    // The boot tree links to the same bytes.
    if (repairs) await refreshTree(tree, content.images);
    checked.push(content);
  }
  return checked;
}

/** Checks a blob. @returns a result without images if all of them were removed meanwhile */
async function checkBlob(
  blob: ImageBlob,
  users: readonly StoredImage[],
  { tree, repairs, onProgress }: Omit<CheckOptions, 'onProgress'> & { readonly onProgress: (bytes: number) => void },
): Promise<CheckedContent> {
  const { path } = blob;
  for (let reading = 1; ; reading += 1) {
    let checkedIdentity: string | undefined;
    const onIdentity = (identity: string): void => {
      checkedIdentity = identity;
    };
    const state = await judgeBlob(tree, blob, { onProgress, onIdentity });
    const images = await keepPresentImages(tree, users);
    if (state.kind !== 'damaged' || images.length === 0) return { path, images, state };
    const isUnchanged = (): boolean => readPathIdentity(join(tree, path)) === checkedIdentity;
    const removal = repairs ? await removeDamaged(tree, path, images, isUnchanged) : isUnchanged() && {};
    if (removal !== false) return { path, images, state, ...removal };
    if (reading >= READINGS_MAX) return { path, images, state: { kind: 'unreadable', code: 'EBUSY' } };
  }
}

async function keepPresentImages(tree: string, images: readonly StoredImage[]): Promise<readonly StoredImage[]> {
  const presentManifests = new Set(readImages(tree).images.map((image) => manifestPath(tree, image)));
  return images.filter((image) => presentManifests.has(manifestPath(tree, image)));
}

/**
 * Removes a damaged blob from the store.
 * @param isUnchanged false if another file has replaced the blob. That file stays
 * @returns the path of the kept copy, if there is one. False if nothing was removed
 */
async function removeDamaged(
  tree: string,
  path: string,
  images: readonly StoredImage[],
  isUnchanged: () => boolean,
): Promise<Pick<CheckedContent, 'movedTo'> | false> {
  const blob = join(tree, path);
  const isKept = images.every(({ origin }) => origin === undefined);
  try {
    return await inStoreTurn(async () => {
      if (!isUnchanged()) return false;
      if (isKept) return { movedTo: await moveAside(tree, blob) };
      await rm(blob, { recursive: true, force: true });
      return {};
    });
  } catch (error) {
    throw asStoreError(error, join(tree, 'images'));
  }
}

/** The directory of the damaged files that were kept. */
export const damagedDirectory = (tree: string): string => composeOwnEntryPath(tree, '.damaged');

/** Sums the sizes of the damaged files that were kept. 0 if there are none, or they cannot be read. */
export function sumDamagedBytes(tree: string): number {
  const directory = damagedDirectory(tree);
  if (statLinkIfVisible(directory)?.isDirectory() !== true) return 0;
  try {
    return readdirSync(directory).reduce((sum, name) => sum + (statLinkIfVisible(join(directory, name))?.size ?? 0), 0);
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
  const target = join(directory, basename(path));
  // An earlier copy may be a directory.
  await rm(target, { recursive: true, force: true });
  await rename(path, target);
  return target;
}
