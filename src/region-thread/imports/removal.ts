// The images and boot loaders of this host, as the region removes them.

import { systemClock } from '../../clock.ts';
import { type ImageUse, sweepBlobs } from '../../images/image-removal.ts';
import { formatImageName, type ImageName, readImages, type StoredImage } from '../../images/image-store.ts';
import { KEPT_VERSIONS, type RemovalTerms, removeOlder, removeUnused } from '../../images/import/older-images.ts';
import { listTreeParts, removePart } from '../../images/import/tree-parts.ts';
import { resourceName } from '../../region/images/region-source.ts';
import type { Region } from '../../region/region.ts';
import { assertOutside } from './import-failure.ts';

/** @param tree the boot tree of this host */
export const removal = (region: Region, tree: string): RemovalTerms => ({
  tree,
  // The times of files are those of this host, not those of the store.
  nowMs: systemClock.wallTimeMs(),
  keptVersions: region.config().importKeptVersions ?? KEPT_VERSIONS,
  use: () => useOf(region),
});

/** Removes everything with the name of this resource. @throws as `removeUnused` */
export const removeResource = (region: Region, tree: string, name: string): Promise<void> =>
  removeWhere(region, tree, (one) => resourceName(one) === name);

/** Removes the image or boot loader with this full name, if there is one. @throws as `removeUnused` */
export const removeNamed = (region: Region, tree: string, fullName: string): Promise<void> =>
  removeWhere(region, tree, (one) => formatImageName(one) === fullName);

async function removeWhere(region: Region, tree: string, isMeant: (one: ImageName) => boolean): Promise<void> {
  await removeUnused(readImages(tree).images.filter(isMeant), removal(region, tree));
  for (const part of listTreeParts(tree).filter(isMeant)) await removePart(tree, part);
}

/**
 * Removes the older images of a name that was imported, and the bytes that earlier removals left for machines.
 * @throws as `removeOlder`
 */
export async function removeOlderOf(
  region: Region,
  tree: string,
  { image: name, serial }: { readonly image: string; readonly serial: string },
): Promise<void> {
  const image = readImages(tree).images.find((one) => resourceName(one) === name && one.serial === serial);
  const terms = removal(region, tree);
  if (image !== undefined) await removeOlder(image, terms);
  await sweepBlobs(tree, terms.nowMs, new Set());
}

/** The names of the resources of a boot tree; undefined if it cannot be read. */
export function presentNames(tree: string): ReadonlySet<string> | undefined {
  try {
    return new Set([...readImages(tree).images, ...listTreeParts(tree)].map(resourceName));
  } catch (error) {
    assertOutside(error);
    return undefined;
  }
}

/** The region's store knows every machine that is deployed from this host's boot tree, so the use is always known. */
async function useOf({ store }: Region): Promise<ImageUse> {
  const uses = (await store.boot.listUses()).filter(({ deploying }) => deploying > 0);
  const usersOf = ({ os, release, architecture }: StoredImage): readonly string[] =>
    uses
      .filter((one) => one.os === os && one.release === release && one.architecture === architecture)
      .map(({ first }) => first);
  return { isKnown: true, usersOf };
}
