// Copies a region's images, boot loaders and installers into a rack's boot tree, and removes copies
// that the region no longer has.
//
//   documents of all addresses ─▶ the newest of each, if it is missing here ─▶ import ─▶ remove copies of what the region removed
//
// Source: MAAS's racks, which take all images of their region.
//
// 1. The documents need no signature: the rack obeys the region's commands anyway. Each file must
//    have the published checksum.
// 2. What was added on the rack stays, whatever its name, and so do directories with files of a person.
// 3. The bytes of a removed copy stay for an hour, for machines that read them.
// 4. Each process of a region offers what its host has, so the rack asks all addresses. A copy is
//    removed only if all answered and none offers it. Until then, nothing older, and no other of
//    its serial, is copied.

import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { STREAM_ARCHITECTURES } from '../../boot/architectures.ts';
import { ownPlace } from '../../files/own-names.ts';
import type { Clock } from '../../ground/clock.ts';
import { assertOutside, errorText, isOutside, osErrorCode, RackError } from '../../ground/errors.ts';
import type { Downloads } from '../download/queue.ts';
import { importFirstItem } from '../run/import-item.ts';
import { sweepDownloads } from '../run/left-downloads.ts';
import {
  assertNoOthers,
  findPart,
  listTreeParts,
  partDirectory,
  removePart,
  type TreePart,
} from '../run/tree-parts.ts';
import {
  contentOfFiles,
  importedContent,
  listDigests,
  type Offer,
  offerContentKey,
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
  /** `ubuntu/noble/amd64`. */
  readonly file: string;
  readonly bytes: number;
  /** Undefined: unknown. */
  readonly total: number | undefined;
  /** Empty: no failure. */
  readonly error: string;
}

interface CopyOptions {
  readonly tree: string;
  /** As `http://region:5240/MAAS`; at least one. */
  readonly urls: readonly string[];
  readonly downloads: Downloads;
  readonly clock: Pick<Clock, 'wallTimeMs'>;
  readonly onProgress: (progress: CopyProgress) => void;
}

export interface CopyResult {
  readonly added: number;
  readonly removed: number;
  /** What could not be copied or removed, and why. */
  readonly problems: readonly string[];
}

interface OwnCopy {
  readonly place: string;
  readonly serial: string;
  readonly content: string | undefined;
  readonly has: StoredImage | TreePart;
}

/**
 * Copies what is missing, and removes the copies of what the region no longer has.
 * @throws RackError `source-failed` if no address of the region answers; the first error of our own
 * that a copy met
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
  const whole = answers.filter(({ problems }) => problems.length === 0);
  if (whole.length === 0) throw new RackError('source-failed', answers.at(-1)?.problems[0]?.message ?? '');
  const isComplete = whole.length === answers.length;
  const offered = whole.flatMap(({ offers }) => offers);
  const problems: string[] = [];
  const bugs: unknown[] = [];
  let added = 0;
  for (const offers of chooseNewest(offered, isComplete, copiesIn(tree))) {
    try {
      if (await copyOne(offers, options)) added += 1;
    } catch (error) {
      // The others are copied nevertheless.
      if (!isOutside(error)) bugs.push(error);
      problems.push(errorText(error));
      onProgress({ file: offerName(offers[0]), bytes: 0, total: sumOfferBytes(offers[0]), error: errorText(error) });
    }
  }
  const attempt = async (work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      assertOutside(error);
      problems.push(errorText(error));
      return false;
    }
  };
  await attempt(() => sweepDownloads(tree, clock.wallTimeMs()));
  if (bugs.length > 0) throw bugs[0];
  let removed = 0;
  for (const { has } of isComplete ? goneCopies(copiesIn(tree), offered) : []) {
    const isRemoved = await attempt(() =>
      'directory' in has ? removePart(tree, has) : removeImages(tree, [has], clock.wallTimeMs(), { isKnown: false }),
    );
    if (isRemoved) removed += 1;
  }
  return { added, removed, problems };
}

/**
 * An image is gone if its files are not offered under its name, a part if nothing is offered for
 * its directory.
 */
function goneCopies(copies: readonly OwnCopy[], offered: readonly Offer[]): readonly OwnCopy[] {
  const isOffered = ({ has, place, serial, content }: OwnCopy): boolean =>
    offered.some(
      (offer) =>
        copyKey(offer) === place &&
        ('directory' in has || (getSerial(offer) === serial && offerContentKey(offer) === content)),
    );
  return copies.filter((copy) => !isOffered(copy));
}

function copiesIn(tree: string): readonly OwnCopy[] {
  const isCopy = ({ origin }: { readonly origin?: { readonly source: string } | undefined }): boolean =>
    origin?.source === COPY_SOURCE;
  const images = readImages(tree).images.filter(isCopy);
  const parts = listTreeParts(tree).filter(isCopy);
  return [
    ...parts.map((has) => {
      const content = contentOfFiles(has.origin?.digests ?? []);
      return { place: has.directory, serial: has.serial, content, has };
    }),
    ...images.map((has) => ({ place: productKey(has), serial: has.serial, content: importedContent(has), has })),
  ];
}

/** The directory of a part; the name of an image with its kernel: two systems may share a name. */
const copyKey = (offer: Offer): string => (offer.kind === 'image' ? productKey(offer) : partDirectory(offer));

/** Empty if the region names none. */
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
 * Chooses for each place its newest offer, or that of the rack's serial, followed by those of the
 * same files; none if the rack keeps its copy. Boot loaders and installers come first: no machine
 * starts without them.
 */
function chooseNewest(
  offered: readonly Offer[],
  isComplete: boolean,
  copies: readonly OwnCopy[],
): readonly Preferred<Offer>[] {
  const inOrder = offered.toSorted((a, b) => Number(a.kind === 'image') - Number(b.kind === 'image'));
  return [...Map.groupBy(inOrder, copyKey)].flatMap(([place, same]) => {
    const own = copies.filter((copy) => copy.place === place);
    const isOwn = (offer: Offer): boolean =>
      own.some(({ serial, content }) => serial === getSerial(offer) && content === offerContentKey(offer));
    const [best] = same.toSorted(
      (a, b) =>
        compareSerials(getSerial(b), getSerial(a)) ||
        Number(isOwn(b)) - Number(isOwn(a)) ||
        offerContentKey(a).localeCompare(offerContentKey(b)),
    );
    if (best === undefined) return [];
    // A damaged copy is repaired. Another one is probably from an address that did not answer.
    const isKept = own.some(({ serial }) => compareSerials(serial, getSerial(best)) >= 0);
    if (!isComplete && !isOwn(best) && isKept) return [];
    return [
      [best, ...same.filter((other) => other !== best && offerContentKey(other) === offerContentKey(best))] as const,
    ];
  });
}

/** The stream of another Rackboot at a trusted place. */
export const buildRegionSource = (url: string, name: string, arches: StreamSource['arches']): StreamSource =>
  streamSource({ url, name, arches, trust: { kind: 'unsigned', why: 'its place is trusted' } });

/** @returns false if the rack has it, or something else in its place */
async function copyOne(
  offers: Preferred<Offer>,
  { tree, downloads, clock, onProgress }: CopyOptions,
): Promise<boolean> {
  const [first] = offers;
  if (await isHere(first, tree)) return false;
  const file = offerName(first);
  const { added, bytes } = await importFirstItem(
    offers,
    {
      tree,
      downloads,
      nowMs: clock.wallTimeMs(),
      isCopy: true,
      workDir: ownPlace(tree, '.downloads'),
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

async function isHere(offer: Offer, tree: string): Promise<boolean> {
  if (offer.kind === 'image') {
    const own = readImages(tree).images.find(
      (image) => image.origin?.source !== COPY_SOURCE && isSameName(image, offer) && image.serial === offer.serial,
    );
    return own !== undefined && hasBlob(tree, own);
  }
  const directory = copyKey(offer);
  if ((await findPart(join(tree, directory), listDigests(offer))) !== undefined) return true;
  const present = copiesIn(tree).find(({ place }) => place === directory)?.has;
  if (present !== undefined && 'directory' in present) assertNoOthers(tree, present);
  return present === undefined && isTaken(join(tree, directory));
}

function isTaken(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    return osErrorCode(error) !== 'ENOENT';
  }
}
