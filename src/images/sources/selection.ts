// Chooses images of simplestreams by release and architecture, and by `sstream-mirror`'s filters.
//
// Source: `--max` of sstream-mirror.
//
// 1. The chosen files of an image are those that match all filters.
// 2. The newest versions are chosen among the matching versions of a product, separately for each
//    choice of the caller.
// 3. A version without chosen files is not chosen.

import { hasAnyOf } from './offer.ts';
import type { StreamFile, StreamImage, StreamProduct } from './stream-products.ts';
import type { TagFilter } from './tag-filter.ts';

export interface ImageFilter {
  /** A name, version or alias, such as `noble`, `24.04` or `lts`. By default all, as with `*`. */
  readonly release?: string | undefined;
  /** By default all, as with `*`. */
  readonly arches?: readonly string[];
  readonly filters?: readonly TagFilter[];
  /** Types of files. By default all. */
  readonly ftypes?: readonly string[];
  /** The number of versions of each product for each choice. At least 1. */
  readonly versions: number;
  /** Conditions. An image with its accepted files must match one of them. By default, every image matches. */
  readonly choices?: readonly ((image: StreamImage) => boolean)[] | undefined;
}

/** Chooses images with their files, in the order of products, with the newest first in each. */
export function chooseImages(products: readonly StreamProduct[], filter: ImageFilter): readonly StreamImage[] {
  const { versions, choices = [() => true] } = filter;
  return products.flatMap(({ images }) => {
    const chosen: StreamImage[] = [];
    const counts = choices.map((matches) => ({ matches, serials: new Set<string>() }));
    for (const image of images) {
      // A version may have several images.
      const unfilled = counts.filter(({ serials }) => serials.size < versions || serials.has(image.serial));
      if (unfilled.length === 0) break;
      if (!isImageAccepted(image, filter)) continue;
      const files = image.files.filter((file) => isFileAccepted(file, filter));
      if (files.length === 0) continue;
      const filteredImage = { ...image, files };
      const matching = unfilled.filter(({ matches }) => matches(filteredImage));
      for (const { serials } of matching) serials.add(image.serial);
      if (matching.length > 0) chosen.push(filteredImage);
    }
    return chosen;
  });
}

function isFileAccepted(file: StreamFile, { ftypes = [], filters = [] }: ImageFilter): boolean {
  if (ftypes.length > 0 && !ftypes.includes(file.ftype)) return false;
  return filters.every(({ matches }) => matches(file.tags));
}

const isImageAccepted = (image: StreamImage, { release = '*', arches = ['*'] }: ImageFilter): boolean =>
  hasAnyOf([image.release, ...image.aliases], [release]) && hasAnyOf([image.arch], arches);
