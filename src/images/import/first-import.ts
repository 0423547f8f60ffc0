// Imports an image from the first of its offers that can be downloaded.
//
//   offers of one name ─▶ joined by their checksum ─▶ import ─┬─▶ imported
//                                     ▲                       └─ no server delivered the file ─▶ the next offer
//                                     └────────────────────────────────────┘
//
// 1. Offers with the same checksum are one file with several servers. If a server fails or has other bytes, the download asks the next one.
// 2. An offer with another checksum is another file. It is tried only if no server delivered the file before it.

import { RackError } from '../../errors.ts';
import { type ImportResult, importImage } from './image-import.ts';
import type { ImportTerms } from './import-terms.ts';
import type { ImageOffer } from './offer.ts';

/** The offers of one image, the preferred one first. */
export type OffersOfImage = readonly [ImageOffer, ...(readonly ImageOffer[])];

/** Joins the offers of the same file into one, whose mirrors are the URLs of the others. */
function joinOffers([first, ...others]: OffersOfImage): OffersOfImage {
  const isSame = ({ digest: { algorithm, hex } }: ImageOffer): boolean =>
    algorithm === first.digest.algorithm && hex === first.digest.hex;
  const mirrors = new Set([
    ...first.mirrors,
    ...others.filter(isSame).flatMap(({ url, mirrors }) => [url, ...mirrors]),
  ]);
  mirrors.delete(first.url);
  const [next, ...rest] = others.filter((offer) => !isSame(offer));
  const joined = { ...first, mirrors: [...mirrors] };
  return next === undefined ? [joined] : [joined, ...joinOffers([next, ...rest])];
}

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
