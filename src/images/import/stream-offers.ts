// The images that a site with simplestreams offers.
//
//   index ─▶ documents of products, by content id ─▶ choose ─▶ the newest version of each product ─▶ offers

import { listed } from '../../counted.ts';
import { describeDocumentFault } from '../documents/fault.ts';
import type { Digest } from '../download/digest.ts';
import { judgeImageName } from '../image-store.ts';
import type { StreamSource } from '../sources/source.ts';
import { decodeStreamProducts } from '../streams/decode-products.ts';
import { listImages } from '../streams/image-listing.ts';
import { chooseImages } from '../streams/selection.ts';
import { decodeStreamIndex } from '../streams/stream-index.ts';
import type { StreamFile, StreamImage } from '../streams/stream-products.ts';
import { type ImageOffer, NAMED_MAX, type OfferWish, type SourceAnswer, storedSerial } from './offer.ts';
import type { SourceDocuments } from './source-documents.ts';

/** The label of a site that names none. */
const LABEL = 'release';
/** Images of a site, whether they can be imported or not. */
const IMAGES_MAX = 20_000;

/** Reads the offers of a site. @throws RackError `source-failed` */
export async function readStreamOffers(
  source: StreamSource,
  wish: OfferWish,
  documents: SourceDocuments,
): Promise<SourceAnswer> {
  const index = decodeStreamIndex(await readSigned(source, source.index, documents));
  if (!index.ok) throw documents.refuse(`${source.url}${source.index}: ${describeDocumentFault(index.fault)}`);
  const { contentIds } = source;
  const entries = index.value.entries.filter(
    ({ contentId }) => contentIds.length === 0 || contentIds.includes(contentId),
  );
  if (entries.length === 0) {
    const found = listed(
      index.value.entries.map(({ contentId }) => contentId),
      NAMED_MAX,
    );
    throw documents.refuse(
      `its index has none of ${listed(source.contentIds, NAMED_MAX)}, but ${found}: correct its content_ids`,
    );
  }
  const offers: ImageOffer[] = [];
  const problems: string[] = [];
  for (const { path } of entries) {
    const products = decodeStreamProducts(await readSigned(source, path, documents));
    if (!products.ok) throw documents.refuse(`${source.url}${path}: ${describeDocumentFault(products.fault)}`);
    for (const image of chooseImages(products.value.products, wishesOf(source, wish))) {
      const offer = offerOf(source, image);
      if (typeof offer === 'string') problems.push(offer);
      else offers.push(offer);
      if (offers.length + problems.length > IMAGES_MAX)
        throw documents.refuse(`it has more than ${IMAGES_MAX} images: name its content_ids in a file of sources`);
    }
  }
  return { source: source.name, offers, installers: [], problems };
}

/** `.sjson` is clear-signed; `.json` has a detached signature next to it. */
function readSigned(source: StreamSource, path: string, documents: SourceDocuments) {
  const url = `${source.url}${path}`;
  const { trust } = source;
  const keys =
    trust.kind === 'signed'
      ? { keyUrl: trust.keyUrl, fingerprints: trust.fingerprints }
      : { keyUrl: undefined, fingerprints: undefined };
  return documents.read(url, path.endsWith('.sjson') ? undefined : `${url}.gpg`, keys);
}

const wishesOf = ({ arches, ftypes }: StreamSource, { release, architectures }: OfferWish) => ({
  selections: [
    {
      release,
      arches: [...arches].flatMap(([ours, theirs]) =>
        architectures.length === 0 || architectures.includes(ours) ? theirs : [],
      ),
    },
  ],
  filters: [],
  ftypes,
  versions: 1,
});

/** @returns the offer, or the reason why the image cannot be imported */
function offerOf(source: StreamSource, image: StreamImage): ImageOffer | string {
  const [shown] = listImages([image]);
  const [file] = image.files;
  const os = source.os === '*' ? (shown?.os ?? '') : source.os;
  const name = `${os}/${shown?.release ?? ''} of the source ${source.name}`;
  if (shown === undefined || file === undefined) return `${name} has no file`;
  const digest = digestOf(file);
  if (digest === undefined)
    return `${name} has no checksum for ${JSON.stringify(shown.files[0]?.name)}: it cannot be verified`;
  const architecture = [...source.arches].find(([, theirs]) => theirs === image.arch)?.[0] ?? shown.arch;
  const offer = {
    source: source.name,
    os,
    release: shown.release,
    architecture,
    subarchitecture: 'generic',
    label: image.label === '' ? LABEL : shown.label,
    serial: storedSerial(image.serial),
    title: `${source.title} ${shown.title}`.trim(),
    aliases: image.aliases,
    supportEnds: image.supportEnds === '' ? undefined : image.supportEnds,
    url: `${source.url}${file.path}`,
    mirrors: [],
    bytes: file.bytes,
    digest,
  };
  // The region's database and the store of images take no other names.
  const wrong = judgeImageName(offer);
  return wrong === undefined ? offer : `${name} cannot be imported: ${wrong}`;
}

function digestOf({ sha256, sha512 }: StreamFile): Digest | undefined {
  if (sha256 !== undefined) return { algorithm: 'sha256', hex: sha256 };
  return sha512 === undefined ? undefined : { algorithm: 'sha512', hex: sha512 };
}
