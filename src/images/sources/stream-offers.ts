// Reads the images, boot loaders and installers that a simplestreams site offers.
//
//   index ─▶ documents of products, by content id ─▶ choose ─▶ the newest matching version of each product ─▶ offers
//
// 1. The offers of all documents stay in memory until the caller has chosen, so OFFERS_BYTES_MAX bounds them together.

import { listed } from '../../counted.ts';
import { RackError } from '../../errors.ts';
import { decodeStreamProducts } from './decode-products.ts';
import { describeDocumentFault } from './document-fault.ts';
import type { ItemOffer } from './item-offer.ts';
import { ANY, knownReleases, NAMED_MAX, type OfferWish, type SourceAnswer } from './offer.ts';
import { chooseImages, type ImageWishes } from './selection.ts';
import type { StreamSource } from './source.ts';
import type { SourceDocuments, TrustedDocument } from './source-documents.ts';
import { decodeStreamIndex, judgeDocument } from './stream-index.ts';
import { namesOf, streamOffer } from './stream-offer.ts';
import type { StreamProduct } from './stream-products.ts';

/** The most images of a site, including those that cannot be imported. */
const IMAGES_MAX = 20_000;
/** All offers of a site together, in bytes of memory. Those of MAAS have some 3 MB. */
const OFFERS_BYTES_MAX = 32 * 1024 * 1024;
/** The memory of a text besides its characters, in bytes: an offer has up to a million short names. */
const TEXT_BYTES = 32;

const FEWER = 'name its content_ids in a file of sources';

const SIGNED_START = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----');

/**
 * Reads the offers of a site.
 * @throws RackError `source-failed`; `store-unwritable`
 */
export async function readStreamOffers(
  source: StreamSource,
  wish: OfferWish,
  documents: SourceDocuments,
): Promise<SourceAnswer> {
  const index = decodeStreamIndex(await readSigned(source, source.index, documents));
  if (!index.ok) throw documents.failure(`${source.url}${source.index}: ${describeDocumentFault(index.fault)}`);
  await documents.refuseOlder(`${source.url}${source.index}`, Date.parse(index.value.updated));
  const { contentIds } = source;
  const entries = index.value.entries.filter(
    ({ contentId }) => contentIds.length === 0 || contentIds.includes(contentId),
  );
  if (entries.length === 0) {
    const found = listed(
      index.value.entries.map(({ contentId }) => contentId),
      NAMED_MAX,
    );
    throw documents.failure(
      `its index lists ${found}, but none of ${listed(source.contentIds, NAMED_MAX)}: correct its content_ids`,
    );
  }
  const items: ItemOffer[] = [];
  const problems: RackError[] = [];
  const releases: string[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const { path } = entry;
    const products = decodeStreamProducts(await readSigned(source, path, documents));
    if (!products.ok) throw documents.failure(`${source.url}${path}: ${describeDocumentFault(products.fault)}`);
    const wrong = judgeDocument(products.value, [entry]);
    if (wrong !== undefined) throw documents.failure(`${source.url}${path}: ${wrong}`);
    await documents.refuseOlder(`${source.url}${path}`, Date.parse(products.value.updated));
    releases.push(...structuredClone(releasesOf(source, products.value.products)));
    for (const image of chooseImages(products.value.products, wishesOf(source, wish))) {
      const offer = streamOffer(source, image);
      bytes += sizeOf(offer);
      if (bytes > OFFERS_BYTES_MAX)
        throw documents.failure(`its offers take more than ${OFFERS_BYTES_MAX} bytes: ${FEWER}`);
      // A copy: texts that were cut from the document would keep it in memory.
      if (typeof offer === 'string') problems.push(new RackError('source-failed', structuredClone(offer)));
      else items.push(structuredClone(offer));
      if (items.length + problems.length > IMAGES_MAX)
        throw documents.failure(`it has more than ${IMAGES_MAX} images: ${FEWER}`);
    }
  }
  return {
    source: source.name,
    offers: items.flatMap((item) => (item.kind === 'image' ? [item.offer] : [])),
    installers: items.flatMap((item) => (item.kind === 'installer' ? [item.offer] : [])),
    loaders: items.flatMap((item) => (item.kind === 'loader' ? [item.offer] : [])),
    releases: knownReleases(releases),
    problems,
  };
}

/** The systems and releases of products. */
const releasesOf = (source: StreamSource, products: readonly StreamProduct[]): readonly string[] =>
  knownReleases(
    products.flatMap(({ images: [newest] }) => {
      if (newest === undefined) return [];
      const { os, release } = namesOf(source, newest);
      return [`${os}/${release}`];
    }),
  );

/** About how much memory an offer takes, in bytes. @param offer as from `streamOffer` */
function sizeOf(offer: ItemOffer | string): number {
  const names = typeof offer !== 'string' && offer.kind === 'image' ? offer.offer : undefined;
  const texts = (names?.aliases.length ?? 0) + (names?.subarches?.length ?? 0);
  return JSON.stringify(offer).length + texts * TEXT_BYTES;
}

/** `.sjson` is clear-signed; `.json` has a detached signature next to it. Of an unsigned source, neither signature is looked at. */
async function readSigned(source: StreamSource, path: string, documents: SourceDocuments): Promise<TrustedDocument> {
  const url = `${source.url}${path}`;
  const { trust } = source;
  const keys =
    trust.kind === 'signed'
      ? { keyUrl: trust.keyUrl, fingerprints: trust.fingerprints }
      : { keyUrl: undefined, fingerprints: undefined };
  const document = await documents.read(url, path.endsWith('.sjson') ? undefined : `${url}.gpg`, keys);
  return typeof document === 'string' ? document : withoutSignature(document);
}

/** The text of a clear-signed document (RFC 9580 §7); any other document as it is. No line of JSON begins with a dash, so none is escaped. */
function withoutSignature(document: Uint8Array): TrustedDocument {
  if (!Buffer.from(document.subarray(0, SIGNED_START.length)).equals(SIGNED_START)) return document;
  const text = Buffer.from(document).toString('utf8');
  const end = text.lastIndexOf('\n-----BEGIN PGP SIGNATURE-----');
  const start = /\r?\n\r?\n/.exec(text);
  return start === null || end === -1 ? document : text.slice(start.index + start[0].length, end);
}

/** The conditions on the names of an offer; a source of any systems offers only the requested one. */
function choicesOf(source: StreamSource, { os, choices }: OfferWish): OfferWish['choices'] {
  if (source.os !== ANY || os === ANY) return choices;
  return (choices ?? [() => true]).map((matches) => (names) => names.os === os && matches(names));
}

const wishesOf = (source: StreamSource, wish: OfferWish): ImageWishes => ({
  selections: [
    {
      release: wish.release,
      arches: [...source.arches].flatMap(([ours, theirs]) =>
        wish.architectures.length === 0 || wish.architectures.includes(ours) ? theirs : [],
      ),
    },
  ],
  filters: [],
  ftypes: source.ftypes,
  versions: wish.isEveryVersion === true ? IMAGES_MAX : 1,
  choices: choicesOf(source, wish)?.map((matches) => (image) => matches(namesOf(source, image))),
});
