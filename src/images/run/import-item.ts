// Imports an item of a run: an image, a boot loader or an installer.

import { RackError, unreachable } from '../../ground/errors.ts';
import {
  describeLeftOutUpdates,
  type ImageOffer,
  isImportedFrom,
  joinOffers,
  listDigests,
  type Offer,
  type Preferred,
  sumOfferBytes,
} from '../sources/offer.ts';
import { readImages, type StoredImage } from '../store/image-store.ts';
import type { ImportOptions } from './file-fetch.ts';
import { FilesProgress } from './files-progress.ts';
import { type ImportResult, importImage } from './image-import.ts';
import { importOfferedInstaller } from './installer-import.ts';
import { importLoader } from './loader-import.ts';
import { listTreeParts, type TreePart } from './tree-parts.ts';

/** Reads the images of the store. Returns none if it cannot be read, because each import then reports why. */
export function readImagesIfPossible(tree: string): readonly StoredImage[] {
  try {
    return readImages(tree).images;
  } catch (error) {
    if (error instanceof RackError) return [];
    throw error;
  }
}

/**
 * Lists the installers of the tree. Returns none if it cannot be read, because each import then
 * reports why.
 */
export function listInstallersIfPossible(tree: string): readonly TreePart[] {
  try {
    return listTreeParts(tree).filter(({ kind }) => kind === 'installer');
  } catch (error) {
    if (error instanceof RackError) return [];
    throw error;
  }
}

export const isStoredItem = (offer: Offer, images: readonly StoredImage[]): boolean =>
  offer.kind === 'image' && images.some((image) => isImportedFrom(image, offer));

interface ImportedItem {
  readonly serial: string;
  readonly bytes: number;
  readonly added: boolean;
  /** Why something newer may have been left out. */
  readonly note?: string | undefined;
}

interface ImportItemOptions extends ImportOptions {
  readonly workDir: string;
  /** As `onWaitForTurn` of `importOfferedInstaller`. */
  readonly onWaitForTurn?: (() => void) | undefined;
}

/** An imported item, with the reasons why earlier offers failed. */
export interface FirstItem extends ImportedItem {
  readonly failures: readonly RackError[];
}

/**
 * Imports the first offer that can be downloaded.
 * @param onOffer called before each import
 * @throws RackError as `importImage`, `importLoader` and `importOfferedInstaller`; the error of the
 * last offer
 */
export async function importFirstItem(
  offers: Preferred<Offer>,
  options: ImportItemOptions,
  onOffer: (offer: Offer) => void,
): Promise<FirstItem> {
  const { result, failures } = await deliverFirst(joinOffers(offers), (offer) => importItem(offer, options), onOffer);
  return { ...result, failures };
}

async function importItem(offer: Offer, options: ImportItemOptions): Promise<ImportedItem> {
  switch (offer.kind) {
    case 'image': {
      const { image, added } = await importImage(offer, options);
      const { serial, bytes, system } = image;
      return { serial, bytes: sumBytes([{ bytes }, ...(system?.files ?? [])]), added };
    }
    case 'loader': {
      const { tree, downloads, signal, bundle, onState } = options;
      const progress = new FilesProgress(sumOfferBytes(offer));
      const { files, serial, added } = await importLoader(offer, {
        tree,
        downloads,
        signal,
        bundle,
        onState: (state, request) => onState?.(progress.updateState(request.name, state), request),
      });
      return { serial, bytes: sumBytes(files), added };
    }
    case 'installer': {
      const { tree, workDir, downloads, signal, bundle, onState, onWaitForTurn } = options;
      const progress = new FilesProgress(sumOfferBytes(offer), new Set(listDigests(offer)).size);
      const { files, serial, added } = await importOfferedInstaller(offer, {
        tree,
        workDir,
        packages: undefined,
        downloads,
        signal,
        bundle,
        onWaitForTurn: onWaitForTurn,
        mayKeepPresent: true,
        onProgress: () => undefined,
        onState: (state, request) => onState?.(progress.updateState(request.name, state), request),
      });
      return { serial, bytes: sumBytes(files), added, note: describeLeftOutUpdates(offer) };
    }
    default:
      return unreachable(offer);
  }
}

const sumBytes = (files: readonly { readonly bytes: number }[]): number =>
  files.reduce((sum, { bytes }) => sum + bytes, 0);

/** An imported image, with the reasons why earlier offers failed. */
export interface FirstImport extends ImportResult {
  readonly offer: ImageOffer;
  readonly failures: readonly RackError[];
}

/**
 * Does the same as `importFirstItem`, for images.
 * @throws RackError as `importImage`; the error of the last offer
 */
export async function importFirst(
  offers: Preferred<ImageOffer>,
  options: ImportOptions,
  onOffer: (offer: ImageOffer) => void,
): Promise<FirstImport> {
  const { result, ...delivery } = await deliverFirst(
    joinOffers(offers),
    (offer) => importImage(offer, options),
    onOffer,
  );
  return { ...result, ...delivery };
}

interface FirstDelivered<T, R> {
  readonly offer: T;
  readonly result: R;
  readonly failures: readonly RackError[];
}

/** Tries the offers in turn. @throws RackError as `importOne`; the error of the last offer */
async function deliverFirst<T, R>(
  [offer, ...others]: Preferred<T>,
  importOne: (offer: T) => Promise<R>,
  onOffer: (offer: T) => void,
): Promise<FirstDelivered<T, R>> {
  const failures: RackError[] = [];
  for (let [current, remaining]: readonly [T, readonly T[]] = [offer, others]; ; ) {
    onOffer(current);
    try {
      return { result: await importOne(current), offer: current, failures };
    } catch (error) {
      const [nextOffer, ...laterOffers] = remaining;
      if (!(error instanceof RackError && error.code === 'source-failed') || nextOffer === undefined) throw error;
      failures.push(error);
      [current, remaining] = [nextOffer, laterOffers];
    }
  }
}
