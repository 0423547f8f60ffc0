// The images, boot loaders and installers of this host, as the region removes them.
//
// 1. An installer stays while a machine that may load it is being deployed: its files are not kept after its removal.

import { systemClock } from '../../clock.ts';
import { assertOutside, RackError } from '../../errors.ts';
import { type ImageUse, removeImages, sweepBlobs } from '../../images/image-removal.ts';
import { blobsOf, formatImageName, type ImageName, readImages } from '../../images/image-store.ts';
import { KEPT_VERSIONS, type RemovalTerms, removeOlder, removeUnused } from '../../images/run/older-images.ts';
import { listTreeParts, removePart } from '../../images/run/tree-parts.ts';
import { resourceName } from '../../region/images/region-source.ts';
import type { ImageUse as Use } from '../../region/records/boot-store.ts';
import type { Region } from '../../region/region.ts';

/** @param tree the boot tree of this host */
export const removal = (region: Region, tree: string): RemovalTerms => ({
  tree,
  keptVersions: region.config().importKeptVersions ?? KEPT_VERSIONS,
  use: () => useOf(region),
  // The times of files are those of this host, not those of the store.
  remove: (images) => removeImages(tree, images, systemClock.wallTimeMs(), { isKnown: false }),
  sweep: (images) => {
    const paths = new Set(images.flatMap((image) => blobsOf(image).map(({ path }) => path)));
    return sweepBlobs(tree, systemClock.wallTimeMs(), paths);
  },
});

/** Removes everything with the name of this resource. @throws as `removeUnused` */
export const removeResource = (region: Region, tree: string, name: string): Promise<void> =>
  removeWhere(region, tree, (one) => resourceName(one) === name);

/** Removes the image, boot loader or installer with this full name, if there is one. @throws as `removeUnused` */
export const removeNamed = (region: Region, tree: string, fullName: string): Promise<void> =>
  removeWhere(region, tree, (one) => formatImageName(one) === fullName);

async function removeWhere(region: Region, tree: string, isMeant: (one: ImageName) => boolean): Promise<void> {
  await removeUnused(readImages(tree).images.filter(isMeant), removal(region, tree));
  for (const part of listTreeParts(tree).filter(isMeant)) {
    const [user] = part.kind === 'installer' ? await usersOf(region, part) : [];
    if (user !== undefined) throw new RackError('bad-argument', `${user} is being deployed and may need it`);
    await removePart(tree, part);
  }
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
  await terms.sweep([]);
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
async function useOf(region: Region): Promise<ImageUse> {
  const uses = await deploying(region);
  return { isKnown: true, usersOf: (image) => among(uses, image) };
}

const usersOf = async (region: Region, name: ImageName): Promise<readonly string[]> =>
  among(await deploying(region), name);

const deploying = async ({ store }: Region): Promise<readonly Use[]> =>
  (await store.boot.listUses()).filter((use) => use.deploying > 0);

const among = (uses: readonly Use[], { os, release, architecture }: ImageName): readonly string[] =>
  uses
    .filter((one) => one.os === os && one.release === release && one.architecture === architecture)
    .map(({ first }) => first);
