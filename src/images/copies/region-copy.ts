// Copies a region's images into a rack's store, and removes the copies of images that the region no longer has.
//
//   documents of the region ─▶ images missing here ─▶ download, verify, add one by one ─▶ remove copies of removed images
//
// Source: MAAS's racks, which take all images of their region.
//
// 1. The documents are trusted without a signature: the rack obeys every command that the region sends over the link anyway. Each image
//    must have the published checksum.
// 2. Images added on the rack stay, even if an image of the region has the same name and serial.
// 3. The bytes of a removed copy stay for an hour: this host does not know which machines read them.
// 4. If no region answers, or its answer is invalid, nothing is removed.

import { STREAM_ARCHITECTURES } from '../../boot/architectures.ts';
import { errorText, RackError } from '../../errors.ts';
import type { Downloads } from '../download/queue.ts';
import { removeImages } from '../image-removal.ts';
import { hasBlob, isSameName, readImages, type StoredImage } from '../image-store.ts';
import { importImage } from '../import/image-import.ts';
import { type ImageOffer, offerName } from '../import/offer.ts';
import { askSources } from '../import/offers.ts';
import type { StreamSource } from '../sources/source.ts';
import type { CopyProgress } from './copy-progress.ts';

/** The source that the manifests of copies name. */
const SOURCE = 'region';

/** The options of a copy. */
interface CopyTerms {
  /** The boot tree of the rack. */
  readonly tree: string;
  /** The addresses of the region, as `http://region:5240/MAAS`; at least one. */
  readonly urls: readonly string[];
  readonly downloads: Downloads;
  /** Wall time. */
  readonly nowMs: number;
  /** Called when a copy has advanced, ended or failed. */
  readonly onProgress: (progress: CopyProgress) => void;
}

/** The outcome of a copy. */
export interface CopyResult {
  /** How many images were added and removed. */
  readonly added: number;
  readonly removed: number;
  /** Why images could not be copied, each with the name of the image; empty if the rack has all of them. */
  readonly problems: readonly string[];
}

/**
 * Copies the missing images, and removes the copies of images that the region no longer has.
 * @throws RackError `source-failed` if no address of the region answers
 */
export async function copyFromRegion(terms: CopyTerms): Promise<CopyResult> {
  const offers = await askRegion(terms);
  const problems: string[] = [];
  let added = 0;
  for (const offer of offers) {
    try {
      if (await copyOne(offer, terms)) added += 1;
    } catch (error) {
      if (!(error instanceof RackError)) throw error;
      problems.push(errorText(error));
      terms.onProgress({ file: offerName(offer), bytes: 0, total: offer.bytes, error: errorText(error) });
    }
  }
  const offered = new Set(offers.map(({ digest }) => digest.hex));
  const gone = readImages(terms.tree).images.filter(
    ({ origin }) => origin?.source === SOURCE && !offered.has(origin.hex),
  );
  if (gone.length > 0) await removeImages(terms.tree, gone, terms.nowMs, { isKnown: false });
  return { added, removed: gone.length, problems };
}

/** @returns the images of the first address that answers, with the other addresses as their mirrors */
async function askRegion({ urls, downloads, nowMs }: CopyTerms): Promise<readonly ImageOffer[]> {
  const sites = urls.map((url) => `${url.endsWith('/') ? url : `${url}/`}images-stream/`);
  let problem = '';
  for (const site of sites) {
    const wish = { os: '*', release: undefined, architectures: [] };
    const [answer] = await askSources([sourceAt(site)], wish, { downloads, nowMs, mirrors: [] });
    if (answer !== undefined && answer.problems.length === 0) {
      const others = sites.filter((other) => other !== site);
      const mirrorsOf = (url: string): readonly string[] => others.map((other) => `${other}${url.slice(site.length)}`);
      return answer.offers.map((offer) => ({ ...offer, mirrors: mirrorsOf(offer.url) }));
    }
    problem = answer?.problems[0]?.message ?? problem;
  }
  throw new RackError('source-failed', problem);
}

const sourceAt = (url: string): StreamSource => ({
  kind: 'simplestreams',
  isByName: false,
  ...{ name: SOURCE, title: '', os: '*', contentIds: [], ftypes: [], url, index: 'streams/v1/index.json' },
  arches: STREAM_ARCHITECTURES,
  trust: { kind: 'unsigned', why: 'the link to the region is trusted' },
});

/** @returns false if the rack already has the image */
async function copyOne(offer: ImageOffer, { tree, downloads, nowMs, onProgress }: CopyTerms): Promise<boolean> {
  const file = offerName(offer);
  const isSame = (image: StoredImage): boolean => isSameName(image, offer) && image.serial === offer.serial;
  const own = readImages(tree).images.find((image) => image.origin?.source !== SOURCE && isSame(image));
  if (own !== undefined && hasBlob(tree, own)) return false;
  const { added, image } = await importImage(offer, {
    ...{ tree, downloads, nowMs, isCopy: true },
    onProgress: ({ state }) => {
      if (state.kind === 'downloading') onProgress({ file, bytes: state.bytes, total: state.total, error: '' });
    },
  });
  if (added) onProgress({ file, bytes: image.bytes, total: image.bytes, error: '' });
  return added;
}
