// Copies a region's images, boot loaders and installers into a rack's boot tree, and removes copies
// that the region no longer stored.
//
//   documents of all addresses ─▶ the newest offer of each image or part, if it is missing here ─▶ import ─▶ remove copies of what the region removed
//
// Source: MAAS's racks, which take all images of their region.
//
// 1. The documents need no signature: the rack obeys the region's commands anyway. Each file must
//    have the published checksum.
// 2. Images that were added on the rack stay, whatever their names. Directories with files of a
//    person stay, too.
// 3. The bytes of a removed copy stay for an hour, for machines that are reading them.
// 4. Each process of a region offers what its host has, so the rack asks all addresses. A copy is
//    removed only if all addresses answered and none offers it. Until all have answered, no older
//    version, and no other version with the same serial, is copied.

import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { STREAM_ARCHITECTURES } from '../../boot/architectures.ts';
import { composeOwnEntryPath } from '../../files/own-names.ts';
import type { Clock } from '../../ground/clock.ts';
import { assertOutside, errorText, isOutside, osErrorCode, RackError } from '../../ground/errors.ts';
import type { Downloads } from '../download/queue.ts';
import { importFirstItem } from '../run/import-item.ts';
import { sweepDownloads } from '../run/left-downloads.ts';
import {
  assertNoForeignFiles,
  findPart,
  getPartDirectory,
  listTreeParts,
  removePart,
  type TreePart,
} from '../run/tree-parts.ts';
import {
  formatFilesKey,
  formatImportedContentKey,
  formatOfferContentKey,
  listDigests,
  type Offer,
  offerName,
  type Preferred,
  sumOfferBytes,
} from '../sources/offer.ts';
import { askSources } from '../sources/offers.ts';
import { compareSerials } from '../sources/serial.ts';
import { type StreamSource, streamSource } from '../sources/source.ts';
import { removeImages } from '../store/image-removal.ts';
import {
  COPY_SOURCE,
  hasBlob,
  type ImageName,
  isSameName,
  readImages,
  type StoredImage,
} from '../store/image-store.ts';

export interface CopyProgress {
  /** The name of the copied item, such as `ubuntu/noble/amd64`. */
  readonly file: string;
  readonly bytes: number;
  /** Undefined if unknown. */
  readonly total: number | undefined;
  /** Empty if there is no failure. */
  readonly error: string;
}

interface CopyOptions {
  readonly tree: string;
  /** At least one address of the region, such as `http://region:5240/MAAS`. */
  readonly urls: readonly string[];
  readonly downloads: Downloads;
  readonly clock: Pick<Clock, 'wallTimeMs'>;
  readonly onProgress: (progress: CopyProgress) => void;
}

export interface CopyResult {
  readonly added: number;
  readonly removed: number;
  /** Messages about what could not be copied or removed. */
  readonly problems: readonly string[];
}

interface RegionCopy {
  readonly key: string;
  readonly serial: string;
  readonly content: string | undefined;
  readonly stored: StoredImage | TreePart;
}

/**
 * Copies missing images and parts, and removes copies that the region no longer stored.
 * @throws RackError `source-failed` if no address of the region answers. Throws the first error
 * that is a bug of our own, after all copies
 */
export async function copyFromRegion(options: CopyOptions): Promise<CopyResult> {
  const { tree, clock, downloads, onProgress } = options;
  const sites = [...new Set(options.urls.map((url) => `${url.endsWith('/') ? url : `${url}/`}images-stream/`))];
  const wish = { os: '*', release: undefined, architectures: [] };
  const answers = await askSources(
    sites.map((url) => buildRegionSource(url, COPY_SOURCE, STREAM_ARCHITECTURES)),
    wish,
    { downloads, clock, mirrors: [] },
  );
  const completeAnswers = answers.filter(({ problems }) => problems.length === 0);
  if (completeAnswers.length === 0) throw new RackError('source-failed', answers.at(-1)?.problems[0]?.message ?? '');
  const isComplete = completeAnswers.length === answers.length;
  const offered = completeAnswers.flatMap(({ offers }) => offers);
  const problems: string[] = [];
  const bugs: unknown[] = [];
  let added = 0;
  for (const offers of chooseNewest(offered, isComplete, listCopies(tree))) {
    try {
      if (await copyOffer(offers, options)) added += 1;
    } catch (error) {
      // The other images are copied nevertheless.
      if (!isOutside(error)) bugs.push(error);
      problems.push(errorText(error));
      onProgress({ file: offerName(offers[0]), bytes: 0, total: sumOfferBytes(offers[0]), error: errorText(error) });
    }
  }
  const tryToRemove = async (work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      assertOutside(error);
      problems.push(errorText(error));
      return false;
    }
  };
  await tryToRemove(() => sweepDownloads(tree, clock.wallTimeMs()));
  if (bugs.length > 0) throw bugs[0];
  let removed = 0;
  for (const { stored } of isComplete ? listGoneCopies(listCopies(tree), offered) : []) {
    const isRemoved = await tryToRemove(() =>
      'directory' in stored
        ? removePart(tree, stored)
        : removeImages(tree, [stored], clock.wallTimeMs(), { areUsesKnown: false }),
    );
    if (isRemoved) removed += 1;
  }
  return { added, removed, problems };
}

/**
 * Lists copies that the region no longer stored. An image is gone if its files are not offered under
 * its name. A part is gone if nothing is offered for its directory.
 */
function listGoneCopies(copies: readonly RegionCopy[], offered: readonly Offer[]): readonly RegionCopy[] {
  const isOffered = ({ stored, key, serial, content }: RegionCopy): boolean =>
    offered.some(
      (offer) =>
        copyKey(offer) === key &&
        ('directory' in stored || (getSerial(offer) === serial && formatOfferContentKey(offer) === content)),
    );
  return copies.filter((copy) => !isOffered(copy));
}

function listCopies(tree: string): readonly RegionCopy[] {
  const isCopy = ({ origin }: { readonly origin?: { readonly source: string } | undefined }): boolean =>
    origin?.source === COPY_SOURCE;
  const images = readImages(tree).images.filter(isCopy);
  const parts = listTreeParts(tree).filter(isCopy);
  return [
    ...parts.map((stored) => {
      const content = formatFilesKey(stored.origin?.digests ?? []);
      return { key: stored.directory, serial: stored.serial, content, stored };
    }),
    ...images.map((stored) => ({
      key: productKey(stored),
      serial: stored.serial,
      content: formatImportedContentKey(stored),
      stored,
    })),
  ];
}

/**
 * Returns the key of a copy: the directory of a part, or the name and the kernel of an image,
 * because two systems may share a name.
 */
const copyKey = (offer: Offer): string => (offer.kind === 'image' ? productKey(offer) : getPartDirectory(offer));

/** Returns the serial of an offer. Empty if the region names none. */
const getSerial = ({ serial = '' }: Offer): string => serial;

const productKey = (
  image: Omit<ImageName, 'serial'> & { readonly system?: { readonly subarch: string } | undefined },
) =>
  JSON.stringify([
    image.os,
    image.release,
    image.architecture,
    image.subarchitecture,
    image.label,
    image.system?.subarch,
  ]);

/**
 * Chooses for each key its newest offer, preferring the rack's own copy among offers of the same
 * serial. Offers of the same files follow it. Chooses none if the rack keeps its copy. Boot loaders
 * and installers come first: no machine starts without them.
 */
function chooseNewest(
  offered: readonly Offer[],
  isComplete: boolean,
  copies: readonly RegionCopy[],
): readonly Preferred<Offer>[] {
  const inOrder = offered.toSorted((a, b) => Number(a.kind === 'image') - Number(b.kind === 'image'));
  return [...Map.groupBy(inOrder, copyKey)].flatMap(([key, sameKey]) => {
    const ownCopies = copies.filter((copy) => copy.key === key);
    const isOwnCopy = (offer: Offer): boolean =>
      ownCopies.some(({ serial, content }) => serial === getSerial(offer) && content === formatOfferContentKey(offer));
    const [best] = sameKey.toSorted(
      (a, b) =>
        compareSerials(getSerial(b), getSerial(a)) ||
        Number(isOwnCopy(b)) - Number(isOwnCopy(a)) ||
        formatOfferContentKey(a).localeCompare(formatOfferContentKey(b)),
    );
    if (best === undefined) return [];
    // A damaged copy is repaired. A copy with other content probably came from an address that did
    // not answer now.
    const isNewestHere = ownCopies.some(({ serial }) => compareSerials(serial, getSerial(best)) >= 0);
    if (!isComplete && !isOwnCopy(best) && isNewestHere) return [];
    return [
      [
        best,
        ...sameKey.filter((other) => other !== best && formatOfferContentKey(other) === formatOfferContentKey(best)),
      ] as const,
    ];
  });
}

/** Builds the source for the stream of another Rackboot, whose address is trusted. */
export const buildRegionSource = (url: string, name: string, arches: StreamSource['arches']): StreamSource =>
  streamSource({ url, name, arches, trust: { kind: 'unsigned', why: 'its place is trusted' } });

/** Copies an offer. @returns false if the rack has it, or has something else under its name */
async function copyOffer(
  offers: Preferred<Offer>,
  { tree, downloads, clock, onProgress }: CopyOptions,
): Promise<boolean> {
  const [first] = offers;
  if (await isPresent(first, tree)) return false;
  const file = offerName(first);
  const { added, bytes } = await importFirstItem(
    offers,
    {
      tree,
      downloads,
      nowMs: clock.wallTimeMs(),
      isCopy: true,
      workDir: composeOwnEntryPath(tree, '.downloads'),
      onState: (state) => {
        if (state.kind === 'downloading') onProgress({ file, bytes: state.bytes, total: state.total, error: '' });
      },
    },
    () => undefined,
  );
  const total = sumOfferBytes(first) ?? bytes;
  if (added) onProgress({ file, bytes: total, total, error: '' });
  return added;
}

async function isPresent(offer: Offer, tree: string): Promise<boolean> {
  if (offer.kind === 'image') {
    const ownImage = readImages(tree).images.find(
      (image) => image.origin?.source !== COPY_SOURCE && isSameName(image, offer) && image.serial === offer.serial,
    );
    return ownImage !== undefined && hasBlob(tree, ownImage);
  }
  const directory = copyKey(offer);
  if ((await findPart(join(tree, directory), listDigests(offer))) !== undefined) return true;
  const present = listCopies(tree).find(({ key }) => key === directory)?.stored;
  if (present !== undefined && 'directory' in present) assertNoForeignFiles(tree, present);
  return present === undefined && mayExist(join(tree, directory));
}

function mayExist(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    return osErrorCode(error) !== 'ENOENT';
  }
}
