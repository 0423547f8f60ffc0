// Removes the older images of a name after an import.
//
// 1. Of the imported images of a name, the newest `keptVersions` stay, and so do those in use; all others are removed. Images added by hand
//    always stay.
//    Hosts of one region count the images of all of them; the newest of each host stays there, for the racks that know only this host.
// 2. First the manifest is removed, then the bytes. Between these steps the use is checked again, because a deployment may have chosen the
//    image meanwhile.

import type { ImageUse } from '../image-removal.ts';
import {
  compareImages,
  formatImageName,
  hasBlob,
  type ImageName,
  isSameName,
  readImages,
  type StoredImage,
} from '../image-store.ts';

/** How many of the newest imported images of a name stay unless the configuration says otherwise (`region.import_keep`). */
export const KEPT_VERSIONS = 2;

/** The options of a removal. */
export interface RemovalTerms {
  /** The boot tree. */
  readonly tree: string;
  /** How many of the newest imported images of a name stay: at least 1. */
  readonly keptVersions: number;
  /** Returns the images from which machines are being deployed. These images stay. */
  readonly use: () => Promise<ImageUse>;
  /** Removes images from the store; their bytes stay for an hour. */
  readonly remove: (images: readonly StoredImage[]) => Promise<unknown>;
  /** Deletes the bytes of removed images. */
  readonly sweep: (images: readonly StoredImage[]) => Promise<unknown>;
}

/** Removes the older images with the same name. @returns the removed images */
export async function removeOlder(image: StoredImage, terms: RemovalTerms): Promise<readonly StoredImage[]> {
  const older = readImages(terms.tree)
    .images.filter((other) => other.origin !== undefined && isSameName(other, image))
    .toSorted(compareImages)
    .filter((other, at) => at >= terms.keptVersions && other.serial !== image.serial);
  if (older.length === 0) return [];
  const use = await terms.use();
  const doomed = older.filter((other) => use.usersOf(other).length === 0);
  await removeUnused(doomed, terms);
  return doomed;
}

const nameOf = (image: ImageName): string => formatImageName({ ...image, serial: '' });

/**
 * Removes the older images of all names.
 * @param elsewhere returns the imported images of the other hosts of the region
 * @param isSpared true for a further image that must stay
 * @returns the removed images
 */
export async function removeAllOlder(
  terms: RemovalTerms,
  elsewhere: () => Promise<readonly ImageName[]>,
  isSpared: (image: StoredImage) => boolean,
): Promise<readonly StoredImage[]> {
  const { tree, keptVersions } = terms;
  const imported = readImages(tree).images.filter((image) => image.origin !== undefined && hasBlob(tree, image));
  const several = [...Map.groupBy(imported, nameOf)].filter(([, images]) => images.length > 1);
  if (several.length === 0) return [];
  const others = Map.groupBy(await elsewhere(), nameOf);
  const older = several.flatMap(([name, images]) => {
    const all = [...images, ...(others.get(name) ?? [])].toSorted(compareImages);
    const kept = [...new Set(all.map(({ serial }) => serial))].slice(0, keptVersions);
    // They are sorted, newest first.
    return images.slice(1).filter((image) => !kept.includes(image.serial) && !isSpared(image));
  });
  if (older.length === 0) return [];
  const use = await terms.use();
  const doomed = older.filter((image) => use.usersOf(image).length === 0);
  await removeUnused(doomed, terms);
  return doomed;
}

/** Removes images. Their bytes stay for an hour if a machine uses them, or if their use is unknown. */
export async function removeUnused(
  images: readonly StoredImage[],
  { use, remove, sweep }: Pick<RemovalTerms, 'use' | 'remove' | 'sweep'>,
): Promise<void> {
  if (images.length === 0) return;
  await remove(images);
  const { isKnown, usersOf } = await use();
  if (isKnown) await sweep(images.filter((image) => usersOf(image).length === 0));
}
