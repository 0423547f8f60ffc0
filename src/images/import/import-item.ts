// An item of a run of imports: an image, or a boot loader.

import { type RackError, unreachable } from '../../errors.ts';
import { FilesProgress } from './files-progress.ts';
import { deliverFirst, joinOffers, type Preferred, withLoaderMirrors, withMirrors } from './first-import.ts';
import { importImage } from './image-import.ts';
import type { ImportTerms } from './import-terms.ts';
import { importLoader } from './loader-import.ts';
import { type ImageOffer, type LoaderOffer, loaderNames, type OfferNames, offeredContent } from './offer.ts';

/** The offer of an item. */
export type ItemOffer =
  | { readonly kind: 'image'; readonly offer: ImageOffer }
  | { readonly kind: 'loader'; readonly offer: LoaderOffer };

/** The offers of one item. */
export type OffersOfItem = Preferred<ItemOffer>;

/** The names by which an item is selected and listed. */
export function namesOfItem(item: ItemOffer): OfferNames {
  switch (item.kind) {
    case 'image':
      return item.offer;
    case 'loader':
      return loaderNames(item.offer);
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
      return item.offer.files.reduce<number | undefined>(
        (sum, { bytes }) => (sum === undefined || bytes === undefined ? undefined : sum + bytes),
        0,
      );
    default:
      return unreachable(item);
  }
}

/** An imported item. */
interface ImportedItem {
  readonly serial: string;
  /** Of all its files. */
  readonly bytes: number;
  /** False if it was there already. */
  readonly added: boolean;
}

/** An imported item, and the reasons why earlier offers failed. */
export interface FirstItem extends ImportedItem {
  readonly failures: readonly RackError[];
}

/**
 * Imports the first offer that can be downloaded.
 * @param onOffer called before each import
 * @throws RackError as `importImage` and `importLoader`; if no offer can be downloaded, the error of the last one
 */
export async function importFirstItem(
  offers: OffersOfItem,
  terms: ImportTerms,
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
    default:
      return unreachable(item);
  }
}

async function importItem(item: ItemOffer, terms: ImportTerms): Promise<ImportedItem> {
  switch (item.kind) {
    case 'image': {
      const { image, added } = await importImage(item.offer, terms);
      const { serial, bytes, system } = image;
      return { serial, bytes: (system?.files ?? []).reduce((sum, file) => sum + file.bytes, bytes), added };
    }
    case 'loader': {
      const { tree, downloads, signal, onProgress } = terms;
      const progress = new FilesProgress(bytesOfItem(item));
      const { files, serial, added } = await importLoader(item.offer, {
        ...{ tree, downloads, signal },
        onDownload: (download) => onProgress(download, progress.stateOf(download.request.name, download.state)),
      });
      return { serial, bytes: files.reduce((sum, file) => sum + file.bytes, 0), added };
    }
    default:
      return unreachable(item);
  }
}
