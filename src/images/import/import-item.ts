// An item of a run of imports: an image, a boot loader or an installer.

import { RackError, unreachable } from '../../errors.ts';
import { readImages, type StoredImage } from '../image-store.ts';
import { FilesProgress } from './files-progress.ts';
import {
  deliverFirst,
  joinOffers,
  type Preferred,
  withInstallerMirrors,
  withLoaderMirrors,
  withMirrors,
} from './first-import.ts';
import { importImage } from './image-import.ts';
import type { ImportTerms } from './import-terms.ts';
import { importOfferedInstaller } from './installer-import.ts';
import { importLoader } from './loader-import.ts';
import {
  type ImageOffer,
  type InstallerOffer,
  installerNames,
  isImportOf,
  type LoaderOffer,
  leftOutNote,
  loaderNames,
  type OfferNames,
  offeredContent,
  type SourceAnswer,
} from './offer.ts';

/** The offer of an item. */
export type ItemOffer =
  | { readonly kind: 'image'; readonly offer: ImageOffer }
  | { readonly kind: 'loader'; readonly offer: LoaderOffer }
  | { readonly kind: 'installer'; readonly offer: InstallerOffer };

/** The offers of one item. */
export type OffersOfItem = Preferred<ItemOffer>;

/** The names by which an item is selected and listed. */
export function namesOfItem(item: ItemOffer): OfferNames {
  switch (item.kind) {
    case 'image':
      return item.offer;
    case 'loader':
      return loaderNames(item.offer);
    case 'installer':
      return installerNames(item.offer);
    default:
      return unreachable(item);
  }
}

/** The digests of all files of an item. */
export function digestsOfItem(item: ItemOffer): readonly string[] {
  switch (item.kind) {
    case 'image': {
      const { digest, system } = item.offer;
      return [digest.hex, ...(system?.files ?? []).map((file) => file.digest.hex)];
    }
    case 'loader':
      return item.offer.files.map(({ digest }) => digest.hex);
    case 'installer':
      return [item.offer.kernel.digest.hex, item.offer.initrd.digest.hex];
    default:
      return unreachable(item);
  }
}

/** The URL of its first file at its own source; empty: it has no file. */
export function urlOfItem(item: ItemOffer): string {
  switch (item.kind) {
    case 'image':
      return item.offer.url;
    case 'loader':
      return item.offer.files[0]?.url ?? '';
    case 'installer':
      return item.offer.kernel.url;
    default:
      return unreachable(item);
  }
}

/** The bytes of all its files, as published; undefined: the source does not say. */
export function bytesOfItem(item: ItemOffer): number | undefined {
  switch (item.kind) {
    case 'image':
      return item.offer.bytes;
    case 'loader':
      return publishedSum(item.offer.files);
    case 'installer':
      return publishedSum([item.offer.kernel, item.offer.initrd]);
    default:
      return unreachable(item);
  }
}

/** The images of the store; none if it cannot be read: then each import says why. */
export function imagesIn(tree: string): readonly StoredImage[] {
  try {
    return readImages(tree).images;
  } catch (error) {
    if (error instanceof RackError) return [];
    throw error;
  }
}

/** True if the store has the image. @param images those of the store */
export const isStoredItem = (item: ItemOffer, images: readonly StoredImage[]): boolean =>
  item.kind === 'image' && images.some((image) => isImportOf(image, item.offer));

const publishedSum = (files: readonly { readonly bytes: number | undefined }[]): number | undefined =>
  files.reduce<number | undefined>(
    (sum, { bytes }) => (sum === undefined || bytes === undefined ? undefined : sum + bytes),
    0,
  );

/** All items of an answer. */
export const itemsOf = ({ offers, loaders, installers }: SourceAnswer): readonly ItemOffer[] => [
  ...offers.map((offer) => ({ kind: 'image', offer }) as const),
  ...loaders.map((offer) => ({ kind: 'loader', offer }) as const),
  ...installers.map((offer) => ({ kind: 'installer', offer }) as const),
];

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
  const joined = joinOffers(offers, contentOf, withItemMirrors);
  const { result, failures } = await deliverFirst(joined, (item) => importItem(item, terms), onOffer);
  return { ...result, failures };
}

const contentOf = (item: ItemOffer): string =>
  item.kind === 'image' ? offeredContent(item.offer) : JSON.stringify([item.kind, digestsOfItem(item).toSorted()]);

function withItemMirrors(item: ItemOffer, same: readonly ItemOffer[]): ItemOffer {
  switch (item.kind) {
    case 'image': {
      const others = same.flatMap((one) => (one.kind === 'image' ? [one.offer] : []));
      return { kind: 'image', offer: withMirrors(item.offer, others) };
    }
    case 'loader': {
      const others = same.flatMap((one) => (one.kind === 'loader' ? [one.offer] : []));
      return { kind: 'loader', offer: withLoaderMirrors(item.offer, others) };
    }
    case 'installer': {
      const others = same.flatMap((one) => (one.kind === 'installer' ? [one.offer] : []));
      return { kind: 'installer', offer: withInstallerMirrors(item.offer, others) };
    }
    default:
      return unreachable(item);
  }
}

async function importItem(item: ItemOffer, terms: ItemTerms): Promise<ImportedItem> {
  switch (item.kind) {
    case 'image': {
      const { image, added } = await importImage(item.offer, terms);
      const { serial, bytes, system } = image;
      return { serial, bytes: sumOf([{ bytes }, ...(system?.files ?? [])]), added };
    }
    case 'loader': {
      const { tree, downloads, signal, onProgress } = terms;
      const progress = new FilesProgress(bytesOfItem(item));
      const { files, serial, added } = await importLoader(item.offer, {
        ...{ tree, downloads, signal },
        onDownload: (download) => onProgress(download, progress.stateOf(download.request.name, download.state)),
      });
      return { serial, bytes: sumOf(files), added };
    }
    case 'installer': {
      const { tree, workDir, downloads, signal, onProgress } = terms;
      const progress = new FilesProgress(bytesOfItem(item), new Set(digestsOfItem(item)).size);
      const { files, serial, added } = await importOfferedInstaller(item.offer, {
        ...{ tree, workDir, packages: undefined, downloads, signal, mayStay: true },
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
