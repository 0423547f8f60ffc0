// Imports an image from the first of its offers that can be downloaded.
//
//   offers of one name ─▶ joined by their checksums ─▶ import ─┬─▶ imported
//                                      ▲                       └─ no server delivered a file ─▶ the next offer
//                                      └────────────────────────────────────┘
//
// 1. Offers with the same checksums are the same files at several servers. If a server fails or has other bytes, the download of each file
//    asks the next one.
// 2. An offer with another checksum, of whichever file, is another image. It is tried only if no server delivered the one before it.

import { RackError } from '../../errors.ts';
import { type ImportResult, importImage } from './image-import.ts';
import type { ImportTerms } from './import-terms.ts';
import { type ImageOffer, type NamedFile, offeredContent } from './offer.ts';

/** The offers of one image, the preferred one first. */
export type OffersOfImage = readonly [ImageOffer, ...(readonly ImageOffer[])];

/** Joins the offers of the same files into one, whose mirrors are the URLs of the others. */
function joinOffers([first, ...others]: OffersOfImage): OffersOfImage {
  const content = offeredContent(first);
  const [next, ...rest] = others.filter((offer) => offeredContent(offer) !== content);
  const joined = withMirrors(first, others);
  return next === undefined ? [joined] : [joined, ...joinOffers([next, ...rest])];
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

type Placed = Pick<NamedFile, 'url' | 'mirrors'>;

/** The URLs at which a file is besides its own, without repetition. @param others the same file at other sources */
export const mirrorsOf = ({ url, mirrors }: Placed, others: readonly Placed[]): readonly string[] => {
  const all = new Set([...mirrors, ...others.flatMap((other) => [other.url, ...other.mirrors])]);
  return [...all].filter((mirror) => mirror !== url);
};

/** The successful import, and the reasons why earlier offers failed. */
export interface FirstImport extends ImportResult {
  readonly offer: ImageOffer;
  readonly failures: readonly RackError[];
}

/**
 * Imports the first offer that can be downloaded.
 * @param onOffer called before each import
 * @throws RackError as `importImage`; if no offer can be downloaded, the error of the last one
 */
export async function importFirst(
  offers: OffersOfImage,
  terms: ImportTerms,
  onOffer: (offer: ImageOffer) => void,
): Promise<FirstImport> {
  const [offer, ...others] = joinOffers(offers);
  const failures: RackError[] = [];
  for (let [tried, left] = [offer, others]; ; ) {
    onOffer(tried);
    try {
      return { ...(await importImage(tried, terms)), offer: tried, failures };
    } catch (error) {
      const [next, ...rest] = left;
      if (!(error instanceof RackError && error.code === 'source-failed') || next === undefined) throw error;
      failures.push(error);
      [tried, left] = [next, rest];
    }
  }
}
