// Copies boot loaders and installers of a region into the boot tree of a rack, and removes the copies of those that the region no longer has.
//
//   offers of one directory ─▶ the newest, and the same files at other addresses ─▶ import
//
// 1. A directory that is not a copy stays: a person filled it, or imported it on the rack.
// 2. A copy in whose directory a person has put further files is neither replaced nor removed.

import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { assertOutside, errorText, osErrorCode } from '../../errors.ts';
import { COPY_SOURCE } from '../image-store.ts';
import { importFirstItem } from '../import/import-item.ts';
import type { ImportTerms } from '../import/import-terms.ts';
import { bytesOfItem, digestsOfItem, type ItemOffer } from '../offers/item-offer.ts';
import type { Preferred } from '../offers/joined-offers.ts';
import { installerName, loaderName } from '../offers/offer.ts';
import {
  assertNoOthers,
  findPart,
  installerDirectory,
  listTreeParts,
  removePart,
  type TreePart,
} from '../parts/tree-parts.ts';
import { compareSerials } from '../streams/serial.ts';
import type { CopyProgress } from './copy-progress.ts';

/** The offer of a boot loader or an installer. */
export type PartOffer = Exclude<ItemOffer, { readonly kind: 'image' }>;

/** The options of a copy. */
type PartTerms = Pick<ImportTerms, 'tree' | 'downloads' | 'nowMs'> & {
  readonly onProgress: (progress: CopyProgress) => void;
};

/** The name of a boot loader or an installer for people. */
export const partName = (item: PartOffer): string =>
  item.kind === 'loader' ? loaderName(item.offer) : installerName(item.offer);

/** Its directory, relative to the tree. */
const directoryOf = (item: PartOffer): string =>
  item.kind === 'loader' ? loaderName(item.offer) : installerDirectory(item.offer);

const serialOf = ({ kind, offer }: PartOffer): string =>
  (kind === 'loader' ? offer.serial : offer.finished?.serial) ?? '';

/** Differs for other files or another directory. */
export const partKey = (item: PartOffer): string =>
  JSON.stringify([directoryOf(item), ...digestsOfItem(item).toSorted()]);

/**
 * For each directory its newest offer, followed by those of the same files. Leaves out a directory if the rack should keep its copy instead.
 * @param isComplete true if all addresses answered
 */
export function chooseParts(
  offers: readonly PartOffer[],
  isComplete: boolean,
  tree: string,
): readonly Preferred<PartOffer>[] {
  const copies = new Map(copiedParts(tree).map((part) => [part.directory, part]));
  return [...Map.groupBy(offers, directoryOf)].flatMap(([directory, same]) => {
    const [best] = same.toSorted(
      (a, b) => compareSerials(serialOf(b), serialOf(a)) || partKey(a).localeCompare(partKey(b)),
    );
    if (best === undefined) return [];
    const own = copies.get(directory);
    // Probably from an address that did not answer.
    if (!isComplete && own !== undefined && compareSerials(own.serial, serialOf(best)) > 0) return [];
    return [[best, ...same.filter((other) => other !== best && partKey(other) === partKey(best))] as const];
  });
}

/**
 * Copies one.
 * @returns false if the rack already has it, or another one that is not a copy
 * @throws RackError as `importFirstItem`; `bad-argument` if its directory has files of a person
 */
export async function copyPart(offers: Preferred<PartOffer>, terms: PartTerms): Promise<boolean> {
  const [first] = offers;
  const { tree, onProgress, ...others } = terms;
  const directory = directoryOf(first);
  if ((await findPart(join(tree, directory), digestsOfItem(first))) !== undefined) return false;
  const present = copiedParts(tree).find((part) => part.directory === directory);
  if (present === undefined && isTaken(join(tree, directory))) return false;
  if (present !== undefined) assertNoOthers(tree, present);
  const file = partName(first);
  const { added, bytes } = await importFirstItem(
    offers,
    {
      ...others,
      tree,
      isCopy: true,
      workDir: join(tree, 'images', '.downloads'),
      onProgress: (_, state) => {
        if (state.kind === 'downloading') onProgress({ file, bytes: state.bytes, total: state.total, error: '' });
      },
    },
    () => undefined,
  );
  const total = bytesOfItem(first) ?? bytes;
  if (added) onProgress({ file, bytes: total, total, error: '' });
  return added;
}

/** Removes the copies whose directories are not offered. @returns how many, and why others were not */
export async function removeGoneParts(
  tree: string,
  offers: readonly PartOffer[],
): Promise<{ readonly removed: number; readonly problems: readonly string[] }> {
  const offered = new Set(offers.map(directoryOf));
  const problems: string[] = [];
  let removed = 0;
  for (const part of copiedParts(tree)) {
    if (offered.has(part.directory)) continue;
    try {
      await removePart(tree, part);
      removed += 1;
    } catch (error) {
      assertOutside(error);
      problems.push(errorText(error));
    }
  }
  return { removed, problems };
}

const copiedParts = (tree: string): readonly TreePart[] =>
  listTreeParts(tree).filter(({ origin }) => origin?.source === COPY_SOURCE);

/** True if anything has the path. */
function isTaken(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    return osErrorCode(error) !== 'ENOENT';
  }
}
