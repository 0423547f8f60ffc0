// Copies a region's images, boot loaders and installers into a rack's boot tree, and removes the copies of those that the region no longer has.
//
//   documents of all addresses ─▶ what is missing here ─▶ download, verify, add one by one ─▶ remove copies of what the region removed
//   (of those that did not answer last time: after the others' images are here)
//
// Source: MAAS's racks, which take all images of their region.
//
// 1. The documents are trusted without a signature: the rack obeys every command that the region sends over the link anyway. Each image
//    must have the published checksum.
// 2. Images added on the rack stay, even if an image of the region has the same name and serial.
// 3. The bytes of a removed copy stay for an hour: this host does not know which machines read them.
// 4. Each process of a region offers the images of its own host, so the rack asks all addresses. A copy is removed only if all of them
//    answered and none offers it.
// 5. While an address does not answer, a copy counts as still offered: no older image, and no other one of its serial, is copied.
// 6. An address that hangs delays a copy from the others only once: the next copy asks it last.

import { STREAM_ARCHITECTURES } from '../../boot/architectures.ts';
import type { Clock } from '../../clock.ts';
import { assertOutside, errorText, isOutside, RackError } from '../../errors.ts';
import type { Downloads } from '../download/queue.ts';
import { removeImages } from '../image-removal.ts';
import {
  COPY_SOURCE,
  compareImages,
  formatImageName,
  hasBlob,
  type ImageName,
  isSameName,
  readImages,
  type StoredImage,
} from '../image-store.ts';
import { importImage } from '../import/image-import.ts';
import { sweepDownloads } from '../import/left-downloads.ts';
import { bytesOfItem, itemsOf } from '../offers/item-offer.ts';
import { withMirrors } from '../offers/joined-offers.ts';
import { type ImageOffer, importedContent, isImportOf, offeredContent, offerName } from '../offers/offer.ts';
import { askSources } from '../offers/offers.ts';
import type { StreamSource } from '../sources/source.ts';
import type { CopyProgress } from './copy-progress.ts';
import { chooseParts, copyPart, type PartOffer, partKey, partName, removeGoneParts } from './part-copies.ts';

/** The options of a copy. */
interface CopyTerms {
  /** The boot tree of the rack. */
  readonly tree: string;
  /** The addresses of the region, as `http://region:5240/MAAS`; at least one. */
  readonly urls: readonly string[];
  /** `unanswered` of the former copy. */
  readonly askLast: readonly string[];
  readonly downloads: Downloads;
  readonly clock: Pick<Clock, 'wallTimeMs'>;
  /** Called when a copy has advanced, ended or failed. */
  readonly onProgress: (progress: CopyProgress) => void;
}

/** The outcome of a copy. */
export interface CopyResult {
  /** How many images, boot loaders and installers were added and removed. */
  readonly added: number;
  readonly removed: number;
  /** Why some could not be copied or removed, each with its name; empty if the rack has all of them, and no other copies. */
  readonly problems: readonly string[];
  /** The sites of the addresses that did not answer. */
  readonly unanswered: readonly string[];
}

/** The offers of the region. */
interface RegionOffers {
  readonly offers: readonly ImageOffer[];
  readonly parts: readonly PartOffer[];
  /** True if all addresses answered. */
  readonly isComplete: boolean;
}

/**
 * Copies the missing images, and removes the copies of images that the region no longer has.
 * @throws RackError `source-failed` if no address of the region answers
 */
export async function copyFromRegion(terms: CopyTerms): Promise<CopyResult> {
  const { tree, clock, askLast } = terms;
  const sites = [...new Set(terms.urls.map((url) => `${url.endsWith('/') ? url : `${url}/`}images-stream/`))];
  const late = sites.filter((site) => askLast.includes(site));
  const copying = new Copying(terms);
  const first = await ask(difference(sites, late), terms);
  await copying.copy({ ...first, isComplete: late.length === 0 && first.failures.length === 0 });
  const second = await ask(late, terms);
  const failures = [...first.failures, ...second.failures];
  if (failures.length === sites.length) throw new RackError('source-failed', failures.at(-1)?.message ?? '');
  const parts = [...first.parts, ...second.parts];
  const region = { offers: [...first.offers, ...second.offers], parts, isComplete: failures.length === 0 };
  if (late.length > second.failures.length) await copying.copy(region);
  await copying.sweep();
  const result = { added: copying.added, removed: 0, problems: copying.problems };
  const unanswered = failures.map(({ site }) => site);
  copying.throwBug();
  if (!region.isComplete) return { ...result, unanswered };
  const offered = Map.groupBy(region.offers, offeredContent);
  const isOffered = (image: StoredImage): boolean =>
    offered.get(importedContent(image) ?? '')?.some((offer) => isImportOf(image, offer)) === true;
  const gone = copiesIn(tree).filter((image) => !isOffered(image));
  if (gone.length > 0) await removeImages(tree, gone, clock.wallTimeMs(), { isKnown: false });
  const { removed, problems } = await removeGoneParts(tree, parts);
  return { ...result, removed: gone.length + removed, problems: [...result.problems, ...problems], unanswered };
}

const difference = (all: readonly string[], without: readonly string[]): readonly string[] =>
  all.filter((one) => !without.includes(one));

/** Copies one after the other, each at most once. */
class Copying {
  readonly #terms: CopyTerms;
  /** The names and contents that were tried. */
  readonly #tried = new Set<string>();
  readonly problems: string[] = [];
  added = 0;
  /** The first error of our own. */
  #bug: { readonly error: unknown } | undefined;

  constructor(terms: CopyTerms) {
    this.#terms = terms;
  }

  async copy(region: RegionOffers): Promise<void> {
    const { tree, clock, downloads, onProgress } = this.#terms;
    // First the small ones, without which a machine does not even start.
    for (const offers of chooseParts(region.parts, region.isComplete, tree)) {
      const [item] = offers;
      const terms = { tree, downloads, onProgress, nowMs: clock.wallTimeMs() };
      await this.#try(partKey(item), partName(item), bytesOfItem(item), () => copyPart(offers, terms));
    }
    for (const offer of chooseNewest(region, copiesIn(tree))) {
      const key = `${formatImageName(dated(offer))} ${offeredContent(offer)}`;
      await this.#try(key, offerName(offer), offer.bytes, () => copyOne(offer, this.#terms));
    }
  }

  /** Removes what is left of downloads of earlier copies. */
  async sweep(): Promise<void> {
    const { tree, clock } = this.#terms;
    try {
      await sweepDownloads(tree, clock.wallTimeMs());
    } catch (error) {
      assertOutside(error);
      this.problems.push(errorText(error));
    }
  }

  /** Call it when everything else is copied. @throws the first error of our own that a copy met */
  throwBug(): void {
    if (this.#bug !== undefined) throw this.#bug.error;
  }

  async #try(key: string, file: string, total: number | undefined, copy: () => Promise<boolean>): Promise<void> {
    if (this.#tried.has(key)) return;
    this.#tried.add(key);
    try {
      if (await copy()) this.added += 1;
    } catch (error) {
      // The others are copied nevertheless.
      if (!isOutside(error)) this.#bug ??= { error };
      this.problems.push(errorText(error));
      this.#terms.onProgress({ file, bytes: 0, total, error: errorText(error) });
    }
  }
}

const copiesIn = (tree: string): readonly StoredImage[] =>
  readImages(tree).images.filter(({ origin }) => origin?.source === COPY_SOURCE);

/** The offers of the sites that answer, and why the others do not. */
async function ask(
  sites: readonly string[],
  { downloads, clock }: CopyTerms,
): Promise<{
  readonly offers: readonly ImageOffer[];
  readonly parts: readonly PartOffer[];
  readonly failures: readonly { readonly site: string; readonly message: string }[];
}> {
  const wish = { os: '*', release: undefined, architectures: [] };
  const answers = await askSources(sites.map(sourceAt), wish, { downloads, clock, mirrors: [] });
  const whole = answers.filter(({ problems }) => problems.length === 0);
  return {
    offers: whole.flatMap(({ offers }) => offers),
    parts: whole.flatMap(itemsOf).filter((item) => item.kind !== 'image'),
    failures: sites.flatMap((site, index) => {
      const [problem] = answers[index]?.problems ?? [];
      return problem === undefined ? [] : [{ site, message: problem.message }];
    }),
  };
}

/**
 * One offer of each image: the newest, and of several with its serial the one that the rack has. The other addresses with the same files are
 * its mirrors. Leaves out an image if the rack should keep its copy instead.
 */
function chooseNewest(
  { offers, isComplete }: Omit<RegionOffers, 'parts'>,
  copies: readonly StoredImage[],
): readonly ImageOffer[] {
  const copiesOf = Map.groupBy(copies, productOf);
  return [...Map.groupBy(offers, productOf)].flatMap(([product, same]) => {
    const own = copiesOf.get(product) ?? [];
    const isOwn = (offer: ImageOffer): boolean => own.some((image) => isImportOf(image, offer));
    const [best] = same.toSorted(
      (a, b) =>
        compareImages(dated(a), dated(b)) ||
        Number(isOwn(b)) - Number(isOwn(a)) ||
        offeredContent(a).localeCompare(offeredContent(b)),
    );
    if (best === undefined) return [];
    // A copy of the offered file itself is repaired if its bytes are missing.
    if (!isComplete && !isOwn(best) && own.some((image) => compareImages(image, dated(best)) <= 0)) return [];
    return withMirrors(best, same);
  });
}

const dated = (offer: ImageOffer): ImageName => ({ ...offer, serial: offer.serial ?? '' });

/** The name of an image, and its kernel if it has one: two systems may have the same name. */
const productOf = (image: Omit<ImageName, 'serial'> & { readonly system?: { readonly subarch: string } | undefined }) =>
  JSON.stringify([
    image.os,
    image.release,
    image.architecture,
    image.subarchitecture,
    image.label,
    image.system?.subarch,
  ]);

const sourceAt = (url: string): StreamSource => ({
  kind: 'simplestreams',
  isByName: false,
  name: COPY_SOURCE,
  title: '',
  os: '*',
  contentIds: [],
  ftypes: [],
  url,
  index: 'streams/v1/index.json',
  arches: STREAM_ARCHITECTURES,
  trust: { kind: 'unsigned', why: 'the link to the region is trusted' },
});

/** @returns false if the rack already has the image */
async function copyOne(offer: ImageOffer, { tree, downloads, clock, onProgress }: CopyTerms): Promise<boolean> {
  const file = offerName(offer);
  const isSame = (image: StoredImage): boolean => isSameName(image, offer) && image.serial === offer.serial;
  const own = readImages(tree).images.find((image) => image.origin?.source !== COPY_SOURCE && isSame(image));
  if (own !== undefined && hasBlob(tree, own)) return false;
  const { added, image } = await importImage(offer, {
    tree,
    downloads,
    nowMs: clock.wallTimeMs(),
    isCopy: true,
    onProgress: (_, state) => {
      if (state.kind === 'downloading') onProgress({ file, bytes: state.bytes, total: state.total, error: '' });
    },
  });
  const bytes = offer.bytes ?? image.bytes;
  if (added) onProgress({ file, bytes, total: bytes, error: '' });
  return added;
}
