// The terms on which the region removes images of this host.

import { systemClock } from '../../clock.ts';
import type { ImageUse } from '../../images/image-removal.ts';
import { formatImageName, readImages, type StoredImage } from '../../images/image-store.ts';
import { type RemovalTerms, removeUnused } from '../../images/import/older-images.ts';
import type { Region } from '../../region/region.ts';

/** @param tree the boot tree of this host */
export const removal = (region: Region, tree: string): RemovalTerms => ({
  tree,
  // The times of files are those of this host, not those of the store.
  nowMs: systemClock.wallTimeMs(),
  use: () => useOf(region),
});

/** Removes the image with this full name, if there is one. @throws as `removeUnused` */
export async function removeNamed(region: Region, tree: string, fullName: string): Promise<void> {
  const images = readImages(tree).images.filter((image) => formatImageName(image) === fullName);
  await removeUnused(images, removal(region, tree));
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
