// Chooses images of simplestreams by release and architecture, and by `sstream-mirror`'s filters.
//
// Source: `--max` of sstream-mirror.
//
// 1. Of an image, the files that match all filters are chosen.
// 2. The newest versions are chosen among the matching ones of a product, and for each choice of
//    the caller on its own.
// 3. A version without chosen files is not chosen.

import { isAmong } from './offer.ts';
import type { StreamFile, StreamImage, StreamProduct } from './stream-products.ts';
import type { TagFilter } from './tag-filter.ts';

export interface ImageWishes {
  /** A name, version or alias: `noble`, `24.04`, `lts`. Default: all, as `*`. */
  readonly release?: string | undefined;
  /** Default: all, as `*`. */
  readonly arches?: readonly string[];
  readonly filters?: readonly TagFilter[];
  /** Types of files. Default: all. */
  readonly ftypes?: readonly string[];
  /** Of each product for each choice; at least 1. */
  readonly versions: number;
  /** Conditions, one of which an image with its wanted files must match. Default: every image matches. */
  readonly choices?: readonly ((image: StreamImage) => boolean)[] | undefined;
}

/** Images with their files, in the order of products, newest first within each. */
export function chooseImages(products: readonly StreamProduct[], wishes: ImageWishes): readonly StreamImage[] {
  const { versions, choices = [() => true] } = wishes;
  return products.flatMap(({ images }) => {
    const chosen: StreamImage[] = [];
    const counts = choices.map((matches) => ({ matches, serials: new Set<string>() }));
    for (const image of images) {
      // A version may have several images.
      const open = counts.filter(({ serials }) => serials.size < versions || serials.has(image.serial));
      if (open.length === 0) break;
      if (!isWanted(image, wishes)) continue;
      const files = image.files.filter((file) => isFileWanted(file, wishes));
      if (files.length === 0) continue;
      const wanted = { ...image, files };
      const matching = open.filter(({ matches }) => matches(wanted));
      for (const { serials } of matching) serials.add(image.serial);
      if (matching.length > 0) chosen.push(wanted);
    }
    return chosen;
  });
}

function isFileWanted(file: StreamFile, { ftypes = [], filters = [] }: ImageWishes): boolean {
  if (ftypes.length > 0 && !ftypes.includes(file.ftype)) return false;
  return filters.every(({ matches }) => matches(file.tags));
}

const isWanted = (image: StreamImage, { release = '*', arches = ['*'] }: ImageWishes): boolean =>
  isAmong([image.release, ...image.aliases], [release]) && isAmong([image.arch], arches);
