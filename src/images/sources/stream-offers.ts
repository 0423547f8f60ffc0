// Reads the images, boot loaders and installers that a simplestreams site offers.
//
//   index ─▶ documents of products, by content id ─▶ choose ─▶ the newest matching version of each product ─▶ offers
//
// 1. Offers stay in memory until the caller has chosen: OFFERS_BYTES_MAX bounds them together.

import { RackError } from '../../ground/errors.ts';
import {
  ANY,
  isAmong,
  knownReleases,
  type Offer,
  type OfferWish,
  pickOffers,
  type SourceAnswer,
  wishConditions,
} from './offer.ts';
import { chooseImages, type ImageWishes } from './selection.ts';
import type { StreamSource } from './source.ts';
import type { SourceDocuments } from './source-documents.ts';
import { buildOfferNames, streamOffer } from './stream-offer.ts';
import type { StreamProduct } from './stream-products.ts';
import { readStream } from './stream-reader.ts';

/** Bounds the images of a site, including those that cannot be imported. */
const IMAGES_MAX = 20_000;
/** Bounds the memory of all offers of a site; MAAS's have some 3 MB. */
const OFFERS_BYTES_MAX = 32 * 1024 * 1024;
/** The memory of a text besides its characters; an offer has up to a million short names. */
const TEXT_BYTES = 32;

const FEWER = 'name its content_ids in a file of sources';

/**
 * Reads the offers of a site.
 * @throws RackError `source-failed`; `store-unwritable`
 */
export async function readStreamOffers(
  source: StreamSource,
  wish: OfferWish,
  documents: SourceDocuments,
): Promise<SourceAnswer> {
  const offers: Offer[] = [];
  const problems: RackError[] = [];
  const releases: string[] = [];
  let bytes = 0;
  for await (const { products } of readStream(source, documents)) {
    releases.push(...structuredClone(listReleases(source, products)));
    for (const image of chooseImages(products, buildImageWishes(source, wish))) {
      const offer = streamOffer(source, image);
      bytes += estimateBytes(offer);
      if (bytes > OFFERS_BYTES_MAX)
        throw documents.failure(`its offers take more than ${OFFERS_BYTES_MAX} bytes: ${FEWER}`);
      // A copy: texts cut from the document would keep it in memory.
      if (typeof offer === 'string') problems.push(new RackError('source-failed', structuredClone(offer)));
      else offers.push(structuredClone(offer));
      if (offers.length + problems.length > IMAGES_MAX)
        throw documents.failure(`it has more than ${IMAGES_MAX} images: ${FEWER}`);
    }
  }
  return {
    source: source.name,
    offers: (['image', 'loader', 'installer'] as const).flatMap((kind) => pickOffers(offers, kind)),
    releases: knownReleases(releases),
    problems,
  };
}

const listReleases = (source: StreamSource, products: readonly StreamProduct[]): readonly string[] =>
  knownReleases(
    products.flatMap(({ images: [newest] }) => {
      if (newest === undefined) return [];
      const { os, release } = buildOfferNames(source, newest);
      return [`${os}/${release}`];
    }),
  );

/** An estimate, in bytes of memory. */
function estimateBytes(offer: Offer | string): number {
  const { aliases = [], subarches = [] } = typeof offer === 'string' ? {} : offer;
  return JSON.stringify(offer).length + (aliases.length + subarches.length) * TEXT_BYTES;
}

const buildImageWishes = (source: StreamSource, wish: OfferWish): ImageWishes => ({
  release: wish.release,
  arches: [...source.arches].flatMap(([ours, theirs]) =>
    wish.architectures.length === 0 || wish.architectures.includes(ours) ? theirs : [],
  ),
  ftypes: source.ftypes,
  versions: wish.isEveryVersion === true ? IMAGES_MAX : 1,
  choices: wishConditions(wish).map((matches) => (image) => {
    const names = buildOfferNames(source, image);
    // A source of any systems offers only the requested one.
    return (source.os !== ANY || isAmong([names.os], [wish.os])) && matches(names);
  }),
});
