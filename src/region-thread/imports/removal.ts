// The terms on which the region removes images of this host.

import type { ImageUse } from '../../images/image-removal.ts';
import type { StoredImage } from '../../images/image-store.ts';
import type { RemovalTerms } from '../../images/import/older-images.ts';
import type { Region } from '../../region/region.ts';

/** @param tree the boot tree of this host @param nowMs wall time */
export const removal = (region: Region, tree: string, nowMs: number): RemovalTerms => ({
  tree,
  nowMs,
  use: () => useOf(region),
});

/** The region's store knows every machine that is deployed from this host's boot tree, so the use is always known. */
async function useOf({ store }: Region): Promise<ImageUse> {
  const uses = (await store.boot.listUses()).filter(({ deploying }) => deploying > 0);
  const usersOf = ({ os, release, architecture }: StoredImage): readonly string[] =>
    uses
      .filter((one) => one.os === os && one.release === release && one.architecture === architecture)
      .map(({ first }) => first);
  return { isKnown: true, usersOf };
}
