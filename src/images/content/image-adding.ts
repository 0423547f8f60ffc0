// Adds a disk image to the store: checks it, hashes it while copying, and writes its manifest.
//
//   copy to .part-… (image-copy.ts) ─▶ rename to its hash ─▶ manifest
//
// 1. An image becomes visible when all its bytes are on disk. The next addition removes unfinished copies.
// 2. Adding the same bytes under the same name again changes nothing.
// 3. A serial is chosen and a manifest is written in a turn of the store: two works could choose
//    the same serial, or exceed IMAGES_MAX. That turn also checks that the bytes exist, because a
//    removal may have deleted them (image-removal.ts).
// 4. The bytes of a replaced image stay for machines. Their timestamp is renewed before its
//    manifest is removed, because a sweep deletes old bytes.

import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { beginCopy, keepBytesForMachines, type StoreCopy, sweepBlobs } from '../store/image-removal.ts';
import {
  blobPath,
  decodeImage,
  encodeImage,
  formatImageName,
  hasBlob,
  IMAGES_MAX,
  isSameName,
  judgeImageName,
  judgeTitle,
  manifestPath,
  type RequestedImageName,
  readImages,
  type StoreContent,
  type StoredImage,
  toStoredTitle,
} from '../store/image-store.ts';
import { makeDirectories, publishFile } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';
import { inStoreTurn, placeBlob } from '../store/stored-blob.ts';
import type { ImageOrigin, ImageSigns } from '../store/stored-system.ts';
import { type Copy, type CopyRequest, copyImage } from './image-copy.ts';

export interface AddRequest extends CopyRequest {
  readonly tree: string;
  /** If `serial` is undefined, the serial is the day of `nowMs`, with a number if the day alone is taken. */
  readonly name: RequestedImageName;
  /** Serials of this name on other hosts of the region. */
  readonly serialsElsewhere?: readonly string[] | undefined;
  /** If undefined, it is made from the name. */
  readonly title?: string | undefined;
  readonly nowMs: number;
  /** The verified download that has these bytes. Undefined if there is none. */
  readonly origin?: ImageOrigin | undefined;
  readonly isMade?: boolean | undefined;
  readonly bundle?: string | undefined;
  /**
   * Returns the signs that were found in the content. Called after the copy. Undefined if nothing
   * looked for signs.
   */
  readonly signs?: (() => ImageSigns | undefined) | undefined;
  /** Rejects if the bytes are wrong. Undefined if the caller vouches for them. */
  readonly whenVerified?: (() => Promise<void>) | undefined;
  /** The expected SHA-256 of the stored bytes, hexadecimal. If undefined, any is accepted. */
  readonly sha256?: string | undefined;
}

/** The image that was added, or already existed. */
export interface AddResult {
  readonly image: StoredImage;
  readonly added: boolean;
  readonly given: Copy['given'];
}

const SERIALS_A_DAY_MAX = 9999;

/**
 * Checks whether the store may get an image, before its bytes are fetched; `publishImage` checks again.
 * @throws RackError `limit-reached` if the store is full, unless it already has an image of this name
 */
export const checkImageCount = (tree: string, name: AddRequest['name']): void => checkCount(readImages(tree), name);

function checkCount({ images, problems }: StoreContent, name: AddRequest['name']): void {
  if (images.length + problems.length < IMAGES_MAX) return;
  if (images.some((image) => isSameName(image, name) && (name.serial ?? image.serial) === image.serial)) return;
  throw new RackError('limit-reached', `the store already has ${IMAGES_MAX} images: remove unneeded ones`);
}

/**
 * Writes the manifest of an image whose bytes are in the store.
 * @param choose returns the image. If it returns one of the store, nothing is written
 * @throws RackError `not-found` if the bytes were removed meanwhile, `limit-reached`,
 * `bad-argument` for an image whose manifest could not be read again; the error of `choose`
 */
export async function publishImage(
  tree: string,
  choose: (images: readonly StoredImage[]) => StoredImage,
): Promise<StoredImage> {
  return inStoreTurn(async () => {
    const store = readImages(tree);
    const image = choose(store.images);
    const isPresent = store.images.includes(image);
    if (!isPresent) checkCount(store, image);
    const manifest = encodeImage(image);
    const read = decodeImage(manifest);
    if (typeof read === 'string')
      throw new RackError('bad-argument', `the manifest of ${formatImageName(image)} could not be used: ${read}`);
    if (!hasBlob(tree, image))
      throw new RackError('not-found', `${formatImageName(image)} was removed while it was being added: add it again`);
    if (isPresent) return image;
    const replaced = store.images.find((candidate) => formatImageName(candidate) === formatImageName(image));
    if (replaced !== undefined) await keepBytesForMachines(tree, replaced);
    await publishFile(manifestPath(tree, image), Buffer.from(manifest, 'utf8'));
    return image;
  });
}

/**
 * Adds an image.
 *
 * @throws RackError `bad-argument` for an unusable file or name, `already-exists` if the serial
 * exists with other bytes, `limit-reached` if the store is full, `store-unwritable` if the disk
 * lacks space or cannot be written
 */
export async function addImage(request: AddRequest): Promise<AddResult> {
  const { tree, name } = request;
  const problem = judgeImageName(name) ?? judgeTitle(request.title);
  if (problem !== undefined) throw new RackError('bad-argument', problem);
  checkImageCount(tree, name);
  const directory = join(tree, 'images');
  let part: StoreCopy | undefined;
  try {
    await makeDirectories(directory);
    await sweepBlobs(tree, systemClock.wallTimeMs(), new Set());
    part = beginCopy(tree);
    const copy = await copyImage(request, part.path);
    await request.whenVerified?.();
    if (request.sha256 !== undefined && copy.sha256 !== request.sha256) {
      const why = `its content has the sha256 ${copy.sha256} instead of ${request.sha256}`;
      throw new RackError('bad-argument', `${request.fileName} cannot be added: ${why}; copy the file again`);
    }
    return await publishAdded(request, part.path, copy);
  } catch (error) {
    throw asStoreError(error, directory);
  } finally {
    await part?.end();
  }
}

/**
 * Finds the images of a name, and among them the one with these bytes. @param name if it has a
 * `serial`, the image with these bytes must have it too
 */
function findSameName(
  images: readonly StoredImage[],
  name: AddRequest['name'],
  sha256: string,
): { readonly same: readonly StoredImage[]; readonly present: StoredImage | undefined } {
  const same = images.filter((image) => isSameName(image, name));
  const present = same.find((image) => image.sha256 === sha256 && (name.serial ?? image.serial) === image.serial);
  return { same, present };
}

async function publishAdded(request: AddRequest, part: string, copy: Copy): Promise<AddResult> {
  const { tree, name } = request;
  const { sha256, bytes, diskBytes, format, partitionTable } = copy;
  const requestedTitle = request.title === undefined ? undefined : toStoredTitle(request.title);
  const title = requestedTitle ?? toStoredTitle(`${name.os}/${name.release} (${name.architecture})`);
  let added = true;
  const choose = (images: readonly StoredImage[]): StoredImage => {
    const { same, present } = findSameName(images, name, sha256);
    added = present === undefined;
    const origin = request.origin ?? present?.origin;
    const signs = present?.signs ?? request.signs?.();
    const isUnchanged = isDeepStrictEqual(origin, present?.origin) && signs === present?.signs;
    if (present !== undefined && (requestedTitle ?? present.title) === present.title && isUnchanged) return present;
    const serial = present?.serial ?? chooseSerial(request, same);
    const madeFlag = request.isMade === true ? { isMade: true } : {};
    const bundle = request.bundle ?? present?.bundle;
    const bundleOrigin = bundle === undefined || origin !== undefined ? {} : { bundle };
    const image = {
      ...name,
      serial,
      title,
      sha256,
      bytes,
      format,
      diskBytes,
      partitionTable,
      ...madeFlag,
      ...bundleOrigin,
    };
    const withSigns = signs === undefined ? image : { ...image, signs };
    return origin === undefined ? withSigns : { ...withSigns, origin };
  };
  // Refusals are found before the bytes are moved into the store.
  choose(readImages(tree).images);
  // A concurrent removal spares a recent blob, unless it removes an image with the same bytes: then
  // nothing is published.
  await placeBlob(tree, { path: blobPath(sha256, format), sha256 }, part, 'rename');
  const image = await publishImage(tree, choose);
  return { image, added, given: copy.given };
}

/**
 * Publishes an image whose bytes are already in the store.
 * @param stored if its `serial` is undefined, it gets the serial of an image with the same bytes,
 * or a new one
 * @throws RackError `already-exists` if the serial exists with other bytes, and those of `publishImage`
 */
export async function publishStored(
  { tree, nowMs, serialsElsewhere }: Pick<AddRequest, 'tree' | 'nowMs' | 'serialsElsewhere'>,
  stored: Omit<StoredImage, 'serial'> & Pick<AddRequest['name'], 'serial'>,
): Promise<Pick<AddResult, 'image' | 'added'>> {
  let added = true;
  const image = await publishImage(tree, (images) => {
    const { same, present } = findSameName(images, stored, stored.sha256);
    added = present === undefined;
    const { title, origin } = stored;
    // An imported image keeps its origin and its files.
    if (present !== undefined) return { ...present, title, ...(origin === undefined ? {} : { origin }) };
    const serialRequest: SerialRequest = { tree, nowMs, serialsElsewhere, name: stored };
    return { ...stored, serial: chooseSerial(serialRequest, same) };
  });
  return { image, added };
}

type SerialRequest = Pick<AddRequest, 'tree' | 'nowMs' | 'name' | 'serialsElsewhere' | 'origin'>;

/**
 * Chooses the serial of a new image.
 * @param same images of its name, without the one with the same content
 * @throws RackError `already-exists` if its serial exists with other bytes that another source, a
 * person or a bundle brought, or if none is free
 */
export function chooseSerial(request: SerialRequest, same: readonly StoredImage[]): string {
  const { serial } = request.name;
  const source = request.origin?.source;
  // A new image may take the serial of an image whose bytes are missing, or of one that the same
  // source has published again.
  const isTaken = (candidateSerial: string): boolean =>
    same.some(
      (image) =>
        image.serial === candidateSerial &&
        hasBlob(request.tree, image) &&
        (source === undefined || image.origin?.source !== source),
    );
  if (serial !== undefined) {
    if (!isTaken(serial)) return serial;
    const name = formatImageName({ ...request.name, serial });
    throw new RackError(
      'already-exists',
      `${name} already exists with other bytes: remove it first${source === undefined ? ', or use another serial' : ''}`,
    );
  }
  const day = new Date(request.nowMs).toISOString().slice(0, 10).replaceAll('-', '');
  const takenSerials = same.map((image) => image.serial).filter(isTaken);
  // Above the highest number of the day, so that the new image is the newest.
  const numbers = [...takenSerials, ...(request.serialsElsewhere ?? [])].flatMap((usedSerial) => {
    if (usedSerial === day) return [0];
    return usedSerial.startsWith(`${day}.`) ? [Number(usedSerial.slice(day.length + 1))] : [];
  });
  const number = Math.max(-1, ...numbers) + 1;
  if (number <= SERIALS_A_DAY_MAX) return number === 0 ? day : `${day}.${number}`;
  throw new RackError('already-exists', `the day ${day} has no free serial: name one`);
}
