// Imports an image from the first of its offers that can be downloaded.
//
//   joined offers of one name ─▶ import ─┬─▶ imported
//                                  ▲     └─ no server delivered a file ─▶ the next offer
//                                  └───────────────────────────────────────────┘

import { RackError } from '../../errors.ts';
import { type ImageOffer, joinOffers, type Preferred } from '../sources/offer.ts';
import { type ImportResult, importImage } from './image-import.ts';
import type { ImportTerms } from './import-terms.ts';

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
  offers: Preferred<ImageOffer>,
  terms: ImportTerms,
  onOffer: (offer: ImageOffer) => void,
): Promise<FirstImport> {
  const { result, ...tried } = await deliverFirst(joinOffers(offers), (offer) => importImage(offer, terms), onOffer);
  return { ...result, ...tried };
}

/** The first offer that was delivered, and the reasons why earlier ones were not. */
interface FirstDelivered<T, R> {
  readonly offer: T;
  readonly result: R;
  readonly failures: readonly RackError[];
}

/** Tries the offers in turn, until one is delivered. @throws RackError as `importOne`; if none is delivered, the error of the last one */
export async function deliverFirst<T, R>(
  [offer, ...others]: Preferred<T>,
  importOne: (offer: T) => Promise<R>,
  onOffer: (offer: T) => void,
): Promise<FirstDelivered<T, R>> {
  const failures: RackError[] = [];
  for (let [tried, left]: readonly [T, readonly T[]] = [offer, others]; ; ) {
    onOffer(tried);
    try {
      return { result: await importOne(tried), offer: tried, failures };
    } catch (error) {
      const [next, ...rest] = left;
      if (!(error instanceof RackError && error.code === 'source-failed') || next === undefined) throw error;
      failures.push(error);
      [tried, left] = [next, rest];
    }
  }
}
