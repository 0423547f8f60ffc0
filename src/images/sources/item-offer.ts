// The offer of an item of a run of imports: an image, a boot loader or an installer.

import { unreachable } from '../../errors.ts';
import { type Preferred, withInstallerMirrors, withLoaderMirrors, withMirrors } from './joined-offers.ts';
import {
  type ImageOffer,
  type InstallerOffer,
  installerName,
  installerNames,
  type LoaderOffer,
  loaderName,
  loaderNames,
  type OfferNames,
  offeredContent,
  offerName,
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

/** Its name for people. */
export function itemName(item: ItemOffer): string {
  if (item.kind === 'image') return offerName(item.offer);
  return item.kind === 'loader' ? loaderName(item.offer) : installerName(item.offer);
}

/** Empty if its source names none. */
export const itemSerial = (item: ItemOffer): string =>
  (item.kind === 'installer' ? item.offer.finished?.serial : item.offer.serial) ?? '';

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
      return filesOfInstaller(item.offer).map(({ digest }) => digest.hex);
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
      return publishedSum(filesOfInstaller(item.offer));
    default:
      return unreachable(item);
  }
}

const filesOfInstaller = ({ kernel, initrd, disc }: InstallerOffer) =>
  disc === undefined ? [kernel, initrd] : [kernel, initrd, disc];

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

/** Differs for items with different files. */
export const contentOfItem = (item: ItemOffer): string =>
  item.kind === 'image' ? offeredContent(item.offer) : JSON.stringify([item.kind, digestsOfItem(item).toSorted()]);

/** The offer, with the URLs of its files in `same`, which offer the same files, as mirrors. */
export function withItemMirrors(item: ItemOffer, same: readonly ItemOffer[]): ItemOffer {
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
