// Imports an item of a run: an image, a boot loader or an installer.

import { RackError, unreachable } from '../../errors.ts';
import { readImages, type StoredImage } from '../image-store.ts';
import {
  bytesOfItem,
  contentOfItem,
  digestsOfItem,
  type ItemOffer,
  type OffersOfItem,
  withItemMirrors,
} from '../sources/item-offer.ts';
import { joinOffers } from '../sources/joined-offers.ts';
import { isImportOf, leftOutNote } from '../sources/offer.ts';
import { FilesProgress } from './files-progress.ts';
import { deliverFirst } from './first-import.ts';
import { importImage } from './image-import.ts';
import type { ImportTerms } from './import-terms.ts';
import { importOfferedInstaller } from './installer-import.ts';
import { importLoader } from './loader-import.ts';
import { listTreeParts, type TreePart } from './tree-parts.ts';

/** The images of the store; none if it cannot be read: then each import says why. */
export function imagesIn(tree: string): readonly StoredImage[] {
  try {
    return readImages(tree).images;
  } catch (error) {
    if (error instanceof RackError) return [];
    throw error;
  }
}

/** The installers of the boot tree; none if it cannot be read: then each import says why. */
export function installersIn(tree: string): readonly TreePart[] {
  try {
    return listTreeParts(tree).filter(({ kind }) => kind === 'installer');
  } catch (error) {
    if (error instanceof RackError) return [];
    throw error;
  }
}

/** True if the store has the image. @param images those of the store */
export const isStoredItem = (item: ItemOffer, images: readonly StoredImage[]): boolean =>
  item.kind === 'image' && images.some((image) => isImportOf(image, item.offer));

/** An imported item. */
interface ImportedItem {
  readonly serial: string;
  /** Of all its files. */
  readonly bytes: number;
  /** False if it was there already. */
  readonly added: boolean;
  /** Why something newer may have been left out. */
  readonly note?: string | undefined;
}

/** The options of an import. */
interface ItemTerms extends ImportTerms {
  /** The directory for packages and unpacked files of installers. */
  readonly workDir: string;
  /** As of `InstallerTerms`. */
  readonly onTurn?: (() => void) | undefined;
}

/** An imported item, and the reasons why earlier offers failed. */
export interface FirstItem extends ImportedItem {
  readonly failures: readonly RackError[];
}

/**
 * Imports the first offer that can be downloaded.
 * @param onOffer called before each import
 * @throws RackError as `importImage`, `importLoader` and `importOfferedInstaller`; if no offer can be downloaded, the error of the last one
 */
export async function importFirstItem(
  offers: OffersOfItem,
  terms: ItemTerms,
  onOffer: (item: ItemOffer) => void,
): Promise<FirstItem> {
  const joined = joinOffers(offers, contentOfItem, withItemMirrors);
  const { result, failures } = await deliverFirst(joined, (item) => importItem(item, terms), onOffer);
  return { ...result, failures };
}

async function importItem(item: ItemOffer, terms: ItemTerms): Promise<ImportedItem> {
  switch (item.kind) {
    case 'image': {
      const { image, added } = await importImage(item.offer, terms);
      const { serial, bytes, system } = image;
      return { serial, bytes: sumOf([{ bytes }, ...(system?.files ?? [])]), added };
    }
    case 'loader': {
      const { tree, downloads, signal, bundle, onProgress } = terms;
      const progress = new FilesProgress(bytesOfItem(item));
      const { files, serial, added } = await importLoader(item.offer, {
        tree,
        downloads,
        signal,
        bundle,
        onDownload: (download) => onProgress(download, progress.stateOf(download.request.name, download.state)),
      });
      return { serial, bytes: sumOf(files), added };
    }
    case 'installer': {
      const { tree, workDir, downloads, signal, bundle, onProgress, onTurn } = terms;
      const progress = new FilesProgress(bytesOfItem(item), new Set(digestsOfItem(item)).size);
      const { files, serial, added } = await importOfferedInstaller(item.offer, {
        tree,
        workDir,
        packages: undefined,
        downloads,
        signal,
        bundle,
        onTurn,
        mayStay: true,
        onProgress: () => undefined,
        onDownload: (download) => onProgress(download, progress.stateOf(download.request.name, download.state)),
      });
      return { serial, bytes: sumOf(files), added, note: leftOutNote(item.offer) };
    }
    default:
      return unreachable(item);
  }
}

const sumOf = (files: readonly { readonly bytes: number }[]): number =>
  files.reduce((sum, { bytes }) => sum + bytes, 0);
