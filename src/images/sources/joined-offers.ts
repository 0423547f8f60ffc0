// Joins the offers of the same files, so that their servers are mirrors of each other.
//
// 1. Offers with the same checksums are the same files at several servers. If a server fails or has other bytes, the download of each file
//    asks the next one.
// 2. An offer with another checksum, of whichever file, is another image. It is tried only if no server delivered the one before it.

import { type ImageOffer, type InstallerOffer, type LoaderOffer, type NamedFile, offeredContent } from './offer.ts';

/** The offers of one thing, the preferred one first. */
export type Preferred<T> = readonly [T, ...(readonly T[])];

/** The offers of one image. */
export type OffersOfImage = Preferred<ImageOffer>;

/**
 * Joins the offers of the same files into one, whose mirrors are the URLs of the others.
 * @param contentOf differs for offers of different files
 * @param join adds the URLs of offers with the same files
 */
export function joinOffers<T>(
  [first, ...others]: Preferred<T>,
  contentOf: (offer: T) => string,
  join: (offer: T, same: readonly T[]) => T,
): Preferred<T> {
  const content = contentOf(first);
  const isSame = (offer: T): boolean => contentOf(offer) === content;
  const joined = join(first, others.filter(isSame));
  const [next, ...rest] = others.filter((offer) => !isSame(offer));
  return next === undefined ? [joined] : [joined, ...joinOffers([next, ...rest], contentOf, join)];
}

/** The offer, with the URLs of those of the others that have the same files as mirrors of each file. */
export function withMirrors(offer: ImageOffer, others: readonly ImageOffer[]): ImageOffer {
  const content = offeredContent(offer);
  const same = others.filter((other) => offeredContent(other) === content);
  const joined = { ...offer, mirrors: mirrorsOf(offer, same) };
  if (offer.system === undefined) return joined;
  const further = same.flatMap(({ system }) => system?.files ?? []);
  const files = offer.system.files.map((file) => {
    return {
      ...file,
      mirrors: mirrorsOf(
        file,
        further.filter(({ name }) => name === file.name),
      ),
    };
  });
  return { ...joined, system: { ...offer.system, files } };
}

/** The offer of a boot loader, with the URLs of its files at other sources as mirrors. */
export function withLoaderMirrors(offer: LoaderOffer, others: readonly LoaderOffer[]): LoaderOffer {
  const further = others.flatMap(({ files }) => files);
  const files = offer.files.map((file) => {
    const same = further.filter(({ digest }) => digest.hex === file.digest.hex);
    return { ...file, mirrors: mirrorsOf(file, same) };
  });
  return { ...offer, files };
}

/** The offer of an installer, with the URLs of its files at other sources, which offer the same files, as mirrors. */
export const withInstallerMirrors = (offer: InstallerOffer, same: readonly InstallerOffer[]): InstallerOffer => ({
  ...offer,
  kernel: {
    ...offer.kernel,
    mirrors: mirrorsOf(
      offer.kernel,
      same.map(({ kernel }) => kernel),
    ),
  },
  initrd: {
    ...offer.initrd,
    mirrors: mirrorsOf(
      offer.initrd,
      same.map(({ initrd }) => initrd),
    ),
  },
});

type Placed = Pick<NamedFile, 'url' | 'mirrors'>;

/** The URLs at which a file is besides its own, without repetition. @param others the same file at other sources */
const mirrorsOf = ({ url, mirrors }: Placed, others: readonly Placed[]): readonly string[] => {
  const all = new Set([...mirrors, ...others.flatMap((other) => [other.url, ...other.mirrors])]);
  return [...all].filter((mirror) => mirror !== url);
};
