// Removes the older images of a name after an import.
//
// 1. The newest KEPT_SERIALS images of a name that were imported stay, and those in use; other older ones are removed. Images that were added
//    by hand stay.
// 2. The use is asked again after an image has lost its name, before its bytes go: a machine may have been given it meanwhile.

import { type ImageUse, removeImages, sweepBlobs } from '../image-removal.ts';
import { blobsOf, compareImages, isSameName, readImages, type StoredImage } from '../image-store.ts';

/** Imported images of a name that stay. */
const KEPT_SERIALS = 2;

/** Where images are removed. */
export interface RemovalTerms {
  /** The boot tree. */
  readonly tree: string;
  /** Wall time. */
  readonly nowMs: number;
  /** Asks which images machines are being deployed from: these stay. */
  readonly use: () => Promise<ImageUse>;
}

/** Removes the older images of the same name. @returns them */
export async function removeOlder(image: StoredImage, terms: RemovalTerms): Promise<readonly StoredImage[]> {
  const older = readImages(terms.tree)
    .images.filter((other) => other.origin !== undefined && isSameName(other, image))
    .toSorted(compareImages)
    .filter((other, at) => at >= KEPT_SERIALS && other.serial !== image.serial);
  if (older.length === 0) return [];
  const use = await terms.use();
  const doomed = older.filter((other) => use.usersOf(other).length === 0);
  await removeUnused(doomed, terms);
  return doomed;
}

/** Removes images; their bytes stay for an hour if a machine uses them, or if that cannot be known. */
export async function removeUnused(images: readonly StoredImage[], { tree, nowMs, use }: RemovalTerms): Promise<void> {
  if (images.length === 0) return;
  await removeImages(tree, images, nowMs, { isKnown: false });
  const { isKnown, usersOf } = await use();
  if (!isKnown) return;
  const unused = images.filter((image) => usersOf(image).length === 0);
  await sweepBlobs(tree, nowMs, new Set(unused.flatMap((image) => blobsOf(image).map(({ path }) => path))));
}
