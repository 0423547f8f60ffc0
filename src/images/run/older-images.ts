// Removes the older images of a name after an import.
//
// 1. The newest `keptVersions` imported images of a name stay, and so do images in use. Others are
//    removed. Images added by hand always stay. Hosts of a region count all their images; each host
//    keeps its newest, for racks that know only this host.
// 2. The manifest is removed first, then the bytes. Between the two, the use is checked again,
//    because a deployment may have chosen the image.

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
  /** Finds the images from which machines are being deployed. They stay. */
  readonly use: () => Promise<ImageUse>;
  /** Removes images, whose bytes stay for an hour. */
  readonly remove: (images: readonly StoredImage[]) => Promise<unknown>;
  readonly sweep: (images: readonly StoredImage[]) => Promise<unknown>;
}

/** Removes the older images with the same name. @returns the removed images */
export async function removeOlder(image: StoredImage, options: RemovalDeps): Promise<readonly StoredImage[]> {
  const older = readImages(options.tree)
    .images.filter((other) => other.origin !== undefined && isSameName(other, image))
    .toSorted(compareImages)
    .filter((other, index) => index >= options.keptVersions && other.serial !== image.serial);
  if (older.length === 0) return [];
  const use = await options.use();
  const doomed = older.filter((other) => use.findUsers(other).length === 0);
  await removeUnused(doomed, options);
  return doomed;
}

const formatUnversionedName = (image: ImageName): string => formatImageName({ ...image, serial: '' });

/**
 * Removes the older images of all names.
 * @param listElsewhere lists the imported images of other hosts of the region
 * @param mustKeep true for a further image that stays
 * @returns the removed images
 */
export async function removeAllOlder(
  deps: RemovalDeps,
  listElsewhere: () => Promise<readonly ImageName[]>,
  mustKeep: (image: StoredImage) => boolean,
): Promise<readonly StoredImage[]> {
  const { tree, keptVersions } = deps;
  const imported = readImages(tree).images.filter((image) => image.origin !== undefined && hasBlob(tree, image));
  const withSeveralVersions = [...Map.groupBy(imported, formatUnversionedName)].filter(
    ([, images]) => images.length > 1,
  );
  if (withSeveralVersions.length === 0) return [];
  const imagesElsewhere = Map.groupBy(await listElsewhere(), formatUnversionedName);
  const older = withSeveralVersions.flatMap(([name, images]) => {
    const allImages = [...images, ...(imagesElsewhere.get(name) ?? [])].toSorted(compareImages);
    const recent = [...new Set(allImages.map(({ serial }) => serial))].slice(0, keptVersions);
    // The images are sorted, newest first.
    return images.slice(1).filter((image) => !recent.includes(image.serial) && !mustKeep(image));
  });
  if (older.length === 0) return [];
  const use = await deps.use();
  const doomed = older.filter((image) => use.findUsers(image).length === 0);
  await removeUnused(doomed, deps);
  return doomed;
}

/**
 * Removes images that no machine uses. The bytes stay for an hour if a machine uses them by then,
 * or if this is unknown.
 */
export async function removeUnused(
  images: readonly StoredImage[],
  { use, remove, sweep }: Pick<RemovalDeps, 'use' | 'remove' | 'sweep'>,
): Promise<void> {
  if (images.length === 0) return;
  await remove(images);
  const { areUsesKnown, findUsers } = await use();
  if (areUsesKnown) await sweep(images.filter((image) => findUsers(image).length === 0));
}
