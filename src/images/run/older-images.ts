// Removes the older images of a name after an import.
//
// 1. The newest `keptVersions` imported images of a name stay, and those in use; others are
//    removed. Images added by hand always stay. Hosts of a region count all their images; each host
//    keeps its newest, for racks that know only this host.
// 2. The manifest goes first, then the bytes. Between these, the use is checked again: a deployment
//    may have chosen the image.

import type { ImageUse } from '../store/image-removal.ts';
import {
  compareImages,
  formatImageName,
  hasBlob,
  type ImageName,
  isSameName,
  readImages,
  type StoredImage,
} from '../store/image-store.ts';

/** The default of `region.import_keep`: how many imported images of a name stay. */
export const KEPT_VERSIONS = 2;

export interface RemovalDeps {
  readonly tree: string;
  /** How many imported images of a name stay: at least 1. */
  readonly keptVersions: number;
  /** Images from which machines are being deployed stay. */
  readonly use: () => Promise<ImageUse>;
  /** The bytes of the images stay for an hour. */
  readonly remove: (images: readonly StoredImage[]) => Promise<unknown>;
  readonly sweep: (images: readonly StoredImage[]) => Promise<unknown>;
}

/** Removes the older images with the same name. @returns the removed images */
export async function removeOlder(image: StoredImage, options: RemovalDeps): Promise<readonly StoredImage[]> {
  const older = readImages(options.tree)
    .images.filter((other) => other.origin !== undefined && isSameName(other, image))
    .toSorted(compareImages)
    .filter((other, at) => at >= options.keptVersions && other.serial !== image.serial);
  if (older.length === 0) return [];
  const use = await options.use();
  const doomed = older.filter((other) => use.usersOf(other).length === 0);
  await removeUnused(doomed, options);
  return doomed;
}

const formatUnversionedName = (image: ImageName): string => formatImageName({ ...image, serial: '' });

/**
 * Removes the older images of all names.
 * @param elsewhere the imported images of other hosts of the region
 * @param isSpared true for a further image that stays
 * @returns the removed images
 */
export async function removeAllOlder(
  deps: RemovalDeps,
  elsewhere: () => Promise<readonly ImageName[]>,
  isSpared: (image: StoredImage) => boolean,
): Promise<readonly StoredImage[]> {
  const { tree, keptVersions } = deps;
  const imported = readImages(tree).images.filter((image) => image.origin !== undefined && hasBlob(tree, image));
  const several = [...Map.groupBy(imported, formatUnversionedName)].filter(([, images]) => images.length > 1);
  if (several.length === 0) return [];
  const others = Map.groupBy(await elsewhere(), formatUnversionedName);
  const older = several.flatMap(([name, images]) => {
    const all = [...images, ...(others.get(name) ?? [])].toSorted(compareImages);
    const recent = [...new Set(all.map(({ serial }) => serial))].slice(0, keptVersions);
    // The images are sorted, newest first.
    return images.slice(1).filter((image) => !recent.includes(image.serial) && !isSpared(image));
  });
  if (older.length === 0) return [];
  const use = await deps.use();
  const doomed = older.filter((image) => use.usersOf(image).length === 0);
  await removeUnused(doomed, deps);
  return doomed;
}

/** The bytes stay for an hour if a machine uses them, or if this is unknown. */
export async function removeUnused(
  images: readonly StoredImage[],
  { use, remove, sweep }: Pick<RemovalDeps, 'use' | 'remove' | 'sweep'>,
): Promise<void> {
  if (images.length === 0) return;
  await remove(images);
  const { isKnown, usersOf } = await use();
  if (isKnown) await sweep(images.filter((image) => usersOf(image).length === 0));
}
