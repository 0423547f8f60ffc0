// Adds the root of a system to the store: a squashfs, or a tar archive in any compression. For uploads, and for files and directories of
// this host.
//
//   a file in the tree ─▶ does it begin like its format? ─▶ is it whole, and a system? ─▶ place in the store ─▶ manifest ─▶ boot tree
//
// Source: squashfs 4.0, the superblock.
//
// 1. An archive is read to its end: it must be whole, and have /etc and /usr, without which a deployment would fail.
// 2. Adding the same bytes under the same name again changes nothing.

import { chmod, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import { viewBytes } from '../../net/borrowed-bytes.ts';
import { BlobFile, checkRoom } from '../blob-writing.ts';
import { type AddRequest, type AddResult, checkPlace, publishStored } from '../image-adding.ts';
import { asDamage, unusable } from '../image-copy.ts';
import { bytesOfFile } from '../image-file.ts';
import { beginCopy, type StoreCopy, sweepBlobs } from '../image-removal.ts';
import { blobPath, isSameName, judgeImageName, judgeTitle, readImages, storedTitle } from '../image-store.ts';
import { TarFault } from '../image-tar.ts';
import { isRoot, judgeSystemName, ROOT_BYTES_MAX, ROOT_HEAD_BYTES, rootDiskBytes } from '../import/root-format.ts';
import { makeDirectories } from '../publication.ts';
import { asStoreError } from '../store-error.ts';
import { openStored, placeBlob } from '../stored-blob.ts';
import type { RootFormat } from '../stored-system.ts';
import { refreshTree } from '../system-tree.ts';
import { listTar, NoTar } from './packed-tar.ts';
import { TarListing } from './tar-listing.ts';

/** The root to add, and the name of its image. */
export interface RootRequest extends Pick<AddRequest, 'tree' | 'name' | 'nowMs' | 'serialsElsewhere' | 'title'> {
  readonly format: RootFormat;
  /** MAAS's name of the type: `squashfs`, `root-tgz`. */
  readonly rootName: string;
  /** The name of the file in messages. */
  readonly fileName: string;
}

type Added = Pick<AddResult, 'image' | 'added'>;

/** @throws RackError `bad-argument` if no system may have the name, `limit-reached` if the store is full */
export function checkRootName({ tree, name, title }: Pick<RootRequest, 'tree' | 'name' | 'title'>): void {
  const wrong = judgeImageName(name) ?? judgeTitle(title) ?? judgeSystemName(name.os);
  if (wrong !== undefined) throw new RackError('bad-argument', wrong);
  checkPlace(tree, name);
}

/**
 * Adds a root that is already in a file of the boot tree.
 * @param part its hash is known; `how` as for `placeBlob`
 * @throws RackError `bad-argument` for an unusable name or root, `tool-missing` without the program that expands it, `already-exists`
 */
export async function addRoot(
  request: RootRequest,
  part: { readonly path: string; readonly file: FileHandle; readonly sha256: string; readonly how: 'rename' | 'link' },
): Promise<Added> {
  const { tree, name, format, rootName, fileName } = request;
  const { path, file, sha256 } = part;
  checkRootName(request);
  await checkRoot(file, format, fileName);
  const { size } = await file.stat();
  await chmod(path, 0o644);
  await placeBlob(tree, { path: blobPath(sha256, format), sha256 }, path, part.how);
  const present = readImages(tree).images.find((image) => isSameName(image, name) && image.sha256 === sha256);
  const published = await publishStored(request, {
    ...{ ...name, sha256, bytes: size, format, diskBytes: rootDiskBytes(size), partitionTable: 'none' },
    title: storedTitle(request.title ?? present?.title ?? `${name.os} ${name.release} (${name.architecture})`),
    system: { subarch: name.subarchitecture, rootName, files: [] },
  });
  await refreshTree(tree, [published.image]);
  return published;
}

/**
 * Copies a root into the store, and adds it.
 * @param pieces its bytes; each is used only until the next one is requested
 * @param bytes their number, for which the disk must have room; undefined: unknown
 * @throws RackError as `addRoot`, and `store-unwritable` if the disk lacks space; the error of `pieces`
 */
export async function copyRoot(
  request: RootRequest,
  pieces: AsyncIterable<Uint8Array>,
  bytes: number | undefined,
): Promise<Added> {
  const { tree, fileName } = request;
  const directory = join(tree, 'images');
  let part: StoreCopy | undefined;
  try {
    checkRootName(request);
    await makeDirectories(directory);
    await sweepBlobs(tree, systemClock.wallTimeMs(), new Set());
    part = await beginCopy(tree);
    const { path } = part;
    await checkRoom(path, bytes ?? 0);
    const sha256 = await write(path, pieces, fileName);
    const file = await openStored(path);
    try {
      return await addRoot(request, { path, file, sha256, how: 'rename' });
    } finally {
      await file.close();
    }
  } catch (error) {
    throw asStoreError(error, directory);
  } finally {
    await part?.end();
  }
}

/** @returns the hash of the bytes */
async function write(path: string, pieces: AsyncIterable<Uint8Array>, fileName: string): Promise<string> {
  const out = await BlobFile.create(path);
  try {
    let bytes = 0;
    for await (const piece of pieces) {
      bytes += piece.length;
      if (bytes > ROOT_BYTES_MAX)
        throw unusable(fileName, `its root has more than ${ROOT_BYTES_MAX} bytes: leave out what machines do not need`);
      await out.write(piece);
    }
    await out.end();
    return out.facts().sha256;
  } finally {
    await out.close();
  }
}

/** @throws RackError `bad-argument` if the file is not the root of a system, or not whole */
async function checkRoot(file: FileHandle, format: RootFormat, fileName: string): Promise<void> {
  const bytes = await bytesOfFile(file, fileName);
  const head = await bytes.read(0, ROOT_HEAD_BYTES);
  if (!isRoot(format, head)) throw unusable(fileName, `it does not begin like ${format}`);
  if (format === 'squashfs') {
    if (squashfsBytes(head) <= bytes.bytes) return;
    throw unusable(fileName, 'the squashfs was cut short: copy it again');
  }
  if (format !== 'root.tar') return;
  const tops = new Set<string>();
  const listing = new TarListing(({ name, type }) => {
    const [top = '', second] = name.split('/', 2);
    if (second !== undefined || type === DIRECTORY) tops.add(top);
    return undefined;
  });
  try {
    await listTar(bytes, listing);
  } catch (error) {
    if (error instanceof NoTar) throw unusable(fileName, 'it is not a tar archive', error);
    if (error instanceof TarFault) throw unusable(fileName, error.message, error);
    throw asDamage(error, fileName);
  }
  if (tops.has('etc') && tops.has('usr')) return;
  const remedy = 'pack the whole system from its own top, tar --xattrs -C DIRECTORY -czf root.tar.gz .';
  throw unusable(fileName, `its archive has no etc/ and usr/, so it is not the root of a system: ${remedy}`);
}

const DIRECTORY = '5';
/** Where the superblock of a squashfs has its size, a number of 64 bits. */
const SIZE_AT = 40;

/** The size that a squashfs states; more than any file has if its superblock is incomplete. */
function squashfsBytes(head: Uint8Array): number {
  const superblock = Buffer.from(viewBytes(head, 0, SIZE_AT + 8));
  return superblock.length < SIZE_AT + 8 ? Number.POSITIVE_INFINITY : Number(superblock.readBigUInt64LE(SIZE_AT));
}
