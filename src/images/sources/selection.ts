// Chooses images of simplestreams by MAAS's selections and by `sstream-mirror`'s filters.
//
// Sources: the boot source selections of MAAS (os, release, arches, subarches, labels, each with `*`); `--max` of sstream-mirror.
//
// 1. At least one selection and all filters must match an image; its files that match all filters are chosen.
// 2. The newest versions are chosen among the matching ones of a product, and for each choice of the caller on its own.
// 3. A version without chosen files is not chosen.

import type { StreamFile, StreamImage, StreamProduct } from './stream-products.ts';
import type { TagFilter } from './tag-filter.ts';

/** Conditions on images. A missing field and `*` match all. */
export interface ImageSelection {
  readonly os?: string | undefined;
  /** A name, version or alias: `noble`, `24.04`, `lts`. */
  readonly release?: string | undefined;
  readonly arches?: readonly string[] | undefined;
  readonly subarches?: readonly string[] | undefined;
  readonly labels?: readonly string[] | undefined;
}

export interface ImageWishes {
  /** Empty: every image. */
  readonly selections: readonly ImageSelection[];
  readonly filters: readonly TagFilter[];
  /** Empty: all types of files. */
  readonly ftypes: readonly string[];
  /** Of each product for each choice; at least 1. */
  readonly versions: number;
  /** Conditions, one of which an image with its wanted files must match. Default: every image matches. */
  readonly choices?: readonly ((image: StreamImage) => boolean)[] | undefined;
}

/** Images with their files, in the order of products, newest first within each. */
export function chooseImages(products: readonly StreamProduct[], wishes: ImageWishes): readonly StreamImage[] {
  const { selections, versions, choices = [() => true] } = wishes;
  return products.flatMap(({ images }) => {
    const chosen: StreamImage[] = [];
    const counts = choices.map((matches) => ({ matches, serials: new Set<string>() }));
    for (const image of images) {
      // A version may have several images.
      const open = counts.filter(({ serials }) => serials.size < versions || serials.has(image.serial));
      if (open.length === 0) break;
      if (!isSelected(image, selections)) continue;
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

function isFileWanted(file: StreamFile, { ftypes, filters }: ImageWishes): boolean {
  if (ftypes.length > 0 && !ftypes.includes(file.ftype)) return false;
  return filters.every(({ matches }) => matches(file.tags));
}

function isSelected(image: StreamImage, selections: readonly ImageSelection[]): boolean {
  return selections.length === 0 || selections.some((selection) => isMatch(image, selection));
}

function isMatch(image: StreamImage, { os, release, arches, subarches, labels }: ImageSelection): boolean {
  const names = (wanted: string | undefined): readonly string[] | undefined =>
    wanted === undefined ? undefined : [wanted];
  return (
    isAmong([image.os], names(os)) &&
    isAmong([image.release, ...image.aliases], names(release)) &&
    isAmong([image.arch], arches) &&
    isAmong(image.subarches, subarches) &&
    isAmong([image.label], labels)
  );
}

/** @param wanted undefined: all */
function isAmong(texts: readonly string[], wanted: readonly string[] | undefined): boolean {
  return wanted === undefined || wanted.includes('*') || texts.some((text) => wanted.includes(text));
}
