// Adds a disk image to the store: checks it, hashes it while copying, and writes its manifest.
//
//   copy to .part-… (image-copy.ts) ─▶ rename to its hash ─▶ manifest
//
// 1. An image becomes visible only when all its bytes are on disk. The next addition removes unfinished copies.
// 2. Adding the same bytes under the same name again changes nothing.

import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { systemClock } from '../clock.ts';
import { RackError } from '../errors.ts';
import { type Copy, type CopyRequest, copyImage } from './image-copy.ts';
import { copyPath, sweepBlobs } from './image-removal.ts';
import {
  blobPath,
  encodeImage,
  formatImageName,
  hasBlob,
  IMAGES_MAX,
  type ImageName,
  type ImageOrigin,
  isSameName,
  judgeImageName,
  manifestPath,
  readImages,
  type StoredImage,
} from './image-store.ts';
import { makeDirectories, publishFile } from './publication.ts';
import { asStoreError } from './store-error.ts';
import { placeBlob } from './stored-blob.ts';

/** The file to add, and the name of the image. */
export interface AddRequest extends CopyRequest {
  /** The boot tree. */
  readonly tree: string;
  /** `serial` undefined: the day of `nowMs`, followed by a number if that serial is taken. */
  readonly name: Omit<ImageName, 'serial'> & { readonly serial?: string | undefined };
  /** The serials of the images of this name on the other hosts of the region; default: none. */
  readonly serialsElsewhere?: readonly string[] | undefined;
  /** For people; undefined: made from the name. */
  readonly title?: string | undefined;
  /** Wall time. */
  readonly nowMs: number;
  /** The published file that has these bytes; undefined if there is none. */
  readonly origin?: ImageOrigin | undefined;
  /** Resolves when the file was verified, and rejects if its bytes are wrong; undefined if the caller vouches for the bytes. */
  readonly whenVerified?: (() => Promise<void>) | undefined;
  /** The hash that the stored bytes must have, hexadecimal; undefined accepts any. */
  readonly sha256?: string | undefined;
}

/** The image that was added, or already existed. */
export interface AddResult {
  readonly image: StoredImage;
  readonly added: boolean;
  /** The format of the given file. */
  readonly given: Copy['given'];
}

const SERIALS_A_DAY_MAX = 9999;

/**
 * Adds an image.
 *
 * @throws RackError `bad-argument` for an unusable file or name, `already-exists` if the serial exists with other bytes,
 * `store-unwritable` if the disk lacks space or cannot be written
 */
export async function addImage(request: AddRequest): Promise<AddResult> {
  const { tree, name } = request;
  const wrong = judgeImageName(name);
  if (wrong !== undefined) throw new RackError('bad-argument', wrong);
  if (readImages(tree).images.length >= IMAGES_MAX) {
    throw new RackError('bad-argument', `the store already has ${IMAGES_MAX} images: remove unneeded ones`);
  }
  const directory = join(tree, 'images');
  const part = copyPath(tree);
  try {
    await makeDirectories(directory);
    await sweepBlobs(tree, systemClock.wallTimeMs(), new Set());
    const copy = await copyImage(request, part);
    await request.whenVerified?.();
    if (request.sha256 !== undefined && copy.sha256 !== request.sha256) {
      const why = `its content has the sha256 ${copy.sha256} instead of ${request.sha256}`;
      throw new RackError('bad-argument', `${request.fileName} cannot be added: ${why}; copy the file again`);
    }
    return await publish(request, part, copy);
  } catch (error) {
    throw asStoreError(error, directory);
  } finally {
    await rm(part, { force: true });
  }
}

async function publish(request: AddRequest, part: string, copy: Copy): Promise<AddResult> {
  const { tree, name } = request;
  const { sha256, bytes, diskBytes, format, partitionTable } = copy;
  const same = readImages(tree).images.filter((image) => isSameName(image, name));
  const present = same.find((image) => image.sha256 === sha256 && (name.serial ?? image.serial) === image.serial);
  const title = request.title ?? `${name.os} ${name.release} (${name.architecture})`;
  const serial = present?.serial ?? chooseSerial(request, same);
  const origin = request.origin === undefined ? {} : { origin: request.origin };
  const image: StoredImage = { ...name, serial, title, sha256, bytes, format, diskBytes, partitionTable, ...origin };
  const path = blobPath(sha256, format);
  // A concurrent removal spares a recent blob, unless it removes an image with the same bytes. In that case the check below fails.
  await placeBlob(tree, { path, sha256 }, part, 'rename');
  const kept = present !== undefined && request.title === undefined ? present : image;
  if (present === undefined || present.title !== kept.title) {
    await publishFile(manifestPath(tree, image), Buffer.from(encodeImage(kept), 'utf8'));
  }
  if (!hasBlob(tree, image)) {
    throw new RackError('not-found', `${basename(path)} was removed while it was being added: add it again`);
  }
  return { image: kept, added: present === undefined, given: copy.given };
}

/**
 * Publishes an image whose bytes are already in the store.
 * @param stored `serial` undefined: that of the same bytes under this name, or a new one
 * @throws RackError `not-found` if the bytes were removed meanwhile, `already-exists` if the serial exists with other bytes
 */
export async function publishStored(
  { tree, nowMs, serialsElsewhere }: Pick<AddRequest, 'tree' | 'nowMs' | 'serialsElsewhere'>,
  stored: Omit<StoredImage, 'serial'> & Pick<AddRequest['name'], 'serial'>,
): Promise<Pick<AddResult, 'image' | 'added'>> {
  const same = readImages(tree).images.filter((image) => isSameName(image, stored));
  const present = same.find(
    (image) => image.sha256 === stored.sha256 && (stored.serial ?? image.serial) === image.serial,
  );
  const wish: SerialWish = { tree, nowMs, serialsElsewhere, name: stored };
  const image: StoredImage = { ...stored, serial: present?.serial ?? chooseSerial(wish, same) };
  await publishFile(manifestPath(tree, image), Buffer.from(encodeImage(image), 'utf8'));
  if (hasBlob(tree, image)) return { image, added: present === undefined };
  throw new RackError('not-found', `${formatImageName(image)} was removed while it was being added: add it again`);
}

type SerialWish = Pick<AddRequest, 'tree' | 'nowMs' | 'name' | 'serialsElsewhere'>;

function chooseSerial(request: SerialWish, same: readonly StoredImage[]): string {
  const { serial } = request.name;
  // A new image may take the name of one whose bytes are missing.
  const taken = (wanted: string): boolean =>
    same.some((image) => image.serial === wanted && hasBlob(request.tree, image));
  if (serial !== undefined) {
    if (!taken(serial)) return serial;
    const name = formatImageName({ ...request.name, serial });
    throw new RackError(
      'already-exists',
      `${name} already exists with other bytes: remove it first, or use another serial`,
    );
  }
  const day = formatDay(request.nowMs);
  const here = same.map((image) => image.serial).filter(taken);
  // After all others of the day, so that it is the newest.
  const numbers = [...here, ...(request.serialsElsewhere ?? [])].flatMap((used) => {
    if (used === day) return [0];
    return used.startsWith(`${day}.`) ? [Number(used.slice(day.length + 1))] : [];
  });
  const number = Math.max(-1, ...numbers) + 1;
  if (number <= SERIALS_A_DAY_MAX) return number === 0 ? day : `${day}.${number}`;
  throw new RackError('already-exists', `the day ${day} has no free serial: name one`);
}

const formatDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10).replaceAll('-', '');
