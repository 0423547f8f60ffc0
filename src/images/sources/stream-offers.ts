// Reads the images, boot loaders and installers that a simplestreams site offers.
//
//   index ─▶ documents of products, by content id ─▶ choose ─▶ the newest matching version of each product ─▶ offers
//
// 1. Offers stay in memory until the caller has chosen. OFFERS_BYTES_MAX bounds all of them together.

import { RackError } from '../../ground/errors.ts';
import {
  ANY,
  hasAnyOf,
  limitReleases,
  listQueryConditions,
  type Offer,
  type OfferQuery,
  pickOffers,
  type SourceAnswer,
} from './offer.ts';
import { chooseImages, type ImageFilter } from './selection.ts';
import type { StreamSource } from './source.ts';
import type { SourceDocuments } from './source-documents.ts';
import { buildOfferNames, buildStreamOffer } from './stream-offer.ts';
import type { StreamProduct } from './stream-products.ts';
import { readStream } from './stream-reader.ts';

/** Bounds the images of a site, including those that cannot be imported. */
const IMAGES_MAX = 20_000;
/** Bound on the memory of all offers of a site. Those of MAAS's site have some 3 MB. */
const OFFERS_BYTES_MAX = 32 * 1024 * 1024;
/**
 * The memory of a text besides its characters. It counts because an offer may have up to a million
 * short names.
 */
const TEXT_BYTES = 32;

const FEWER_REMEDY = 'name its content_ids in a file of sources';

/**
 * Reads the offers of a site.
 * @throws RackError `source-failed`; `store-unwritable`
 */
export async function readStreamOffers(
  source: StreamSource,
  query: OfferQuery,
  documents: SourceDocuments,
): Promise<SourceAnswer> {
  const offers: Offer[] = [];
  const problems: RackError[] = [];
  const releases: string[] = [];
  let bytes = 0;
  for await (const { products } of readStream(source, documents)) {
    releases.push(...structuredClone(listReleases(source, products)));
    for (const image of chooseImages(products, buildImageFilter(source, query))) {
      const offer = buildStreamOffer(source, image);
      bytes += estimateBytes(offer);
      if (bytes > OFFERS_BYTES_MAX)
        throw documents.failure(`its offers take more than ${OFFERS_BYTES_MAX} bytes: ${FEWER_REMEDY}`);
      // Copied, because texts cut from the document would keep the whole document in memory.
      if (typeof offer === 'string') problems.push(new RackError('source-failed', structuredClone(offer)));
      else offers.push(structuredClone(offer));
      if (offers.length + problems.length > IMAGES_MAX)
        throw documents.failure(`it has more than ${IMAGES_MAX} images: ${FEWER_REMEDY}`);
    }
  }
  return {
    source: source.name,
    offers: (['image', 'loader', 'installer'] as const).flatMap((kind) => pickOffers(offers, kind)),
    releases: limitReleases(releases),
    problems,
  };
}

const listReleases = (source: StreamSource, products: readonly StreamProduct[]): readonly string[] =>
  limitReleases(
    products.flatMap(({ images: [newest] }) => {
      if (newest === undefined) return [];
      const { os, release } = buildOfferNames(source, newest);
      return [`${os}/${release}`];
    }),
  );

/** Estimates the memory of an offer, in bytes. */
function estimateBytes(offer: Offer | string): number {
  const { aliases = [], subarches = [] } = typeof offer === 'string' ? {} : offer;
  return JSON.stringify(offer).length + (aliases.length + subarches.length) * TEXT_BYTES;
}

const buildImageFilter = (source: StreamSource, query: OfferQuery): ImageFilter => ({
  release: query.release,
  arches: [...source.arches].flatMap(([ownName, siteName]) =>
    query.architectures.length === 0 || query.architectures.includes(ownName) ? siteName : [],
  ),
  ftypes: source.ftypes,
  versions: query.isEveryVersion === true ? IMAGES_MAX : 1,
  choices: listQueryConditions(query).map((matches) => (image) => {
    const names = buildOfferNames(source, image);
    // A source of any system offers only the requested system.
    return (source.os !== ANY || hasAnyOf([names.os], [query.os])) && matches(names);
  }),
});
