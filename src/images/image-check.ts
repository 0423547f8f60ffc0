// Checks all blobs of the store against their hashes, and removes damaged ones from it.
//
//   each blob that a manifest names ─▶ size, sha256 ─┬─ whole
//                                                   ├─ damaged ─▶ .damaged/HASH.img[.zst], where machines cannot load it
//                                                   ├─ missing
//                                                   └─ behind a linked directory, unreadable
//
// 1. A blob found to be damaged is no longer served. Its manifest stays, so that the list shows the image as missing, and an import of the
//    same file restores it.
// 2. A damaged blob that can be downloaded again is deleted. If the image was added by hand, the damaged copy is kept instead.
// 3. A blob that cannot be read (a failing disk), or whose directory is a link, is reported and left alone: another attempt may succeed.

import { rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { blobsOf, manifestPath, readImages, type StoredImage } from './image-store.ts';
import { makeDirectories } from './publication.ts';
import { type ContentState, judgeBlob } from './stored-blob.ts';
import { refreshTree } from './system-tree.ts';

/** A blob of the store, and the images that use it. */
export interface CheckedContent {
  /** Relative to the tree. */
  readonly path: string;
  readonly images: readonly StoredImage[];
  readonly state: ContentState;
  /** The path of the damaged copy; undefined if nothing was moved. */
  readonly movedTo?: string | undefined;
}

/** The options of a check. */
interface CheckTerms {
  readonly tree: string;
  /** True: remove damaged blobs from the store; false: only report them. */
  readonly repairs: boolean;
  /** Called after each piece with the progress, in bytes of the whole store. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Checks every blob that a manifest names, one after the other. */
export async function checkContent({ tree, repairs, onProgress }: CheckTerms): Promise<readonly CheckedContent[]> {
  const needed = readImages(tree).images.flatMap((image) => blobsOf(image).map((blob) => ({ image, blob })));
  const byPath = Map.groupBy(needed, ({ blob }) => blob.path);
  const total = [...byPath.values()].reduce((sum, [first]) => sum + (first?.blob.bytes ?? 0), 0);
  const checked: CheckedContent[] = [];
  let before = 0;
  for (const [path, users] of byPath) {
    const [first] = users;
    if (first === undefined) continue;
    const { blob } = first;
    const images = users.map(({ image }) => image);
    const state = await judgeBlob(tree, blob, { onProgress: (bytes) => onProgress(before + bytes, total) });
    before += blob.bytes;
    const left = await stillThere(tree, images);
    // All its images were removed while the blob was being read.
    if (left.length === 0) continue;
    const movedTo = repairs && state.kind === 'damaged' ? await takeOut(tree, path, left) : undefined;
    // The boot tree links to the same bytes: update it.
    if (repairs) await refreshTree(tree, left);
    checked.push({ path, images: left, state, ...(movedTo === undefined ? {} : { movedTo }) });
  }
  return checked;
}

/** The images whose manifests still exist. */
async function stillThere(tree: string, images: readonly StoredImage[]): Promise<readonly StoredImage[]> {
  const now = new Set(readImages(tree).images.map((image) => manifestPath(tree, image)));
  return images.filter((image) => now.has(manifestPath(tree, image)));
}

/** Removes a damaged blob from the store. @returns the path of the kept copy; undefined if the blob was deleted */
async function takeOut(tree: string, path: string, images: readonly StoredImage[]): Promise<string | undefined> {
  if (images.some(({ origin }) => origin !== undefined)) {
    await rm(join(tree, path), { recursive: true, force: true });
    return undefined;
  }
  const directory = join(tree, 'images', '.damaged');
  await makeDirectories(directory);
  const to = join(directory, basename(path));
  // An earlier copy may be a directory, or this one.
  await rm(to, { recursive: true, force: true });
  await rename(join(tree, path), to);
  return to;
}
