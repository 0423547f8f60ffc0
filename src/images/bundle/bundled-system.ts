// Adds a system of a bundle to the store: its root, kernel, initrd and further files.
//
//   each file ─▶ copy to .part-…, hash ─▶ all right? ─▶ rename to their hashes ─▶ manifest ─▶ boot tree
//
// 1. No file of a system gets into the store unless all of them have the hashes that its manifest names, and its root begins like one.

import { join } from 'node:path';
import { RackError } from '../../errors.ts';
import { BlobFile, checkRoom } from '../blob-writing.ts';
import type { ImageBytes } from '../disk-image.ts';
import { type AddResult, checkPlace, publishImage } from '../image-adding.ts';
import { beginCopy, type StoreCopy, sweepBlobs } from '../image-removal.ts';
import { blobsOf, formatImageName, hasBlob, type ImageBlob, readImages, type StoredImage } from '../image-store.ts';
import { isRoot, ROOT_HEAD_BYTES, rootDiskBytes } from '../import/root-format.ts';
import { makeDirectories } from '../publication.ts';
import { asStoreError } from '../store-error.ts';
import { placeBlob } from '../stored-blob.ts';
import { isRootFormat, judgeSystemName } from '../stored-system.ts';
import { checkSystemPlace, refreshTree } from '../system-tree.ts';

/** Bytes that are copied at once. */
const PIECE_BYTES = 1024 * 1024;

/** The options for adding a system. */
interface SystemTerms {
  /** The boot tree. */
  readonly tree: string;
  /** The name of the system in messages. */
  readonly fileName: string;
  /** As in the image. */
  readonly bundle: string;
  /** Wall time. */
  readonly nowMs: number;
  /** The bytes of a file of the system. */
  readonly open: (blob: ImageBlob) => ImageBytes;
  /** The paths of the files of this bundle that are in the store: systems share them. New ones are added. */
  readonly stored: Set<string>;
}

/**
 * Adds a system.
 * @throws RackError `bad-argument` for a file that is not what the manifest says, or a name that no system may have; `already-exists` if the
 * serial exists with other files; `limit-reached`, `store-unwritable`
 */
export async function addBundledSystem(
  image: StoredImage,
  terms: SystemTerms,
): Promise<Pick<AddResult, 'image' | 'added'>> {
  const { tree, fileName, nowMs } = terms;
  const directory = join(tree, 'images');
  const parts = new Map<string, StoreCopy>();
  try {
    const isPresent = await checkSystem(image, terms);
    await makeDirectories(directory);
    await sweepBlobs(tree, nowMs, new Set());
    for (const blob of blobsOf(image)) {
      if (terms.stored.has(blob.path) || parts.has(blob.path)) continue;
      const part = await beginCopy(tree);
      parts.set(blob.path, part);
      await copyBlob(blob, part.path, fileName, terms.open(blob));
    }
    for (const blob of blobsOf(image)) await store(tree, blob, parts.get(blob.path)?.path);
    const { origin: _unverified, isMade: _elsewhere, ...rest } = image;
    const kept = { ...rest, bundle: terms.bundle, diskBytes: rootDiskBytes(image.bytes) };
    await publishImage(tree, (images) => {
      const present = findPresent(tree, images, image);
      return isPresent && present !== undefined ? present : kept;
    });
    await refreshTree(tree, [image]);
    for (const path of parts.keys()) terms.stored.add(path);
    return { image: kept, added: !isPresent };
  } catch (error) {
    throw asStoreError(error, directory);
  } finally {
    for (const part of parts.values()) await part.end();
  }
}

/** Checks everything that needs no hash. @returns true if the store already has this system */
async function checkSystem(image: StoredImage, { tree, fileName, open }: SystemTerms): Promise<boolean> {
  const { format, os, system } = image;
  const wrong = judgeSystemName(os);
  if (wrong !== undefined) throw new RackError('bad-argument', `${fileName} cannot be added: ${wrong}`);
  const [root] = blobsOf(image);
  const head = root === undefined ? undefined : await open(root).read(0, ROOT_HEAD_BYTES);
  if (head === undefined || !isRootFormat(format) || !isRoot(format, head))
    throw new RackError(
      'bad-argument',
      `${fileName} cannot be added: its ${system?.rootName} does not begin like one; export it again`,
    );
  checkPlace(tree, image);
  checkSystemPlace(tree, image);
  return findPresent(tree, readImages(tree).images, image) !== undefined;
}

/** This system among those of the store. @throws RackError `already-exists` if its serial exists with other files */
function findPresent(tree: string, images: readonly StoredImage[], image: StoredImage): StoredImage | undefined {
  const present = images.find((one) => formatImageName(one) === formatImageName(image));
  if (present === undefined || !hasBlob(tree, present)) return undefined;
  const contentOf = ({ sha256, system }: StoredImage): string =>
    JSON.stringify([sha256, system?.rootName, system?.files]);
  if (contentOf(present) === contentOf(image)) return present;
  throw new RackError('already-exists', `${formatImageName(image)} already exists with other files: remove it first`);
}

/**
 * Copies a content of a bundle into a new file.
 * @param part its path @param fileName the name for messages @throws RackError `bad-argument` if it has another hash; `store-unwritable`
 */
export async function copyBlob(
  { sha256, bytes }: ImageBlob,
  part: string,
  fileName: string,
  from: ImageBytes,
): Promise<void> {
  await checkRoom(part, bytes);
  const file = await BlobFile.create(part);
  try {
    for (let at = 0; at < bytes; ) {
      const piece = await from.read(at, Math.min(PIECE_BYTES, bytes - at));
      if (piece.length === 0) throw new RackError('bad-argument', `${fileName} cannot be added: it is cut short`);
      await file.write(piece);
      at += piece.length;
    }
    await file.end();
    const { sha256: found } = file.facts();
    if (found === sha256) return;
    const why = `a file of it has the sha256 ${found} instead of ${sha256}`;
    throw new RackError('bad-argument', `${fileName} cannot be added: ${why}; copy the file again`);
  } finally {
    await file.close();
  }
}

/** Moves a copy into the store, unless the bytes are there. @param part undefined: an earlier system of the bundle brought them */
async function store(tree: string, blob: ImageBlob, part: string | undefined): Promise<void> {
  if (part !== undefined) await placeBlob(tree, blob, part, 'rename');
}
