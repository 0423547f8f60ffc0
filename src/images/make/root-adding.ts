// Adds the root of a system to the store: a squashfs, or a tar archive in any compression, from an
// upload or this host.
//
//   a file in the tree ─▶ is it complete, and a system (run/root-check.ts)? ─▶ blob in the store ─▶ manifest ─▶ boot tree
//
// 1. An archive is read to its end, to detect a truncated one. Without /etc and /usr a deployment would fail.
// 2. Adding the same bytes under the same name again changes nothing.

import { chmod, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { BlobFile, checkSpace } from '../content/blob-writing.ts';
import { type AddRequest, type AddResult, checkImageCount, publishStored } from '../content/image-adding.ts';
import { unusable } from '../content/image-copy.ts';
import { bytesOfFile } from '../content/image-file.ts';
import { estimateRootDiskBytes, inspectRoot, ROOT_BYTES_MAX, type RootFacts, RootFault } from '../run/root-check.ts';
import { beginCopy, type StoreCopy, sweepBlobs } from '../store/image-removal.ts';
import { blobPath, isSameName, judgeImageName, judgeTitle, readImages, toStoredTitle } from '../store/image-store.ts';
import { makeDirectories } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';
import { openStored, placeBlob } from '../store/stored-blob.ts';
import { judgeSystemName, type RootFormat } from '../store/stored-system.ts';
import { checkLinkPaths, refreshTree } from '../store/system-tree.ts';

export interface RootRequest extends Pick<AddRequest, 'tree' | 'name' | 'nowMs' | 'serialsElsewhere' | 'title'> {
  readonly format: RootFormat;
  /** MAAS's name of the type: `squashfs`, `root-tgz`. */
  readonly rootName: string;
  readonly fileName: string;
}

interface AddedRoot extends Pick<AddResult, 'image' | 'added'> {
  /** The findings about the system. Undefined if nothing is known. */
  readonly root: RootFacts | undefined;
}

/** @throws RackError `bad-argument` if no system may have the name, `limit-reached` if the store is full */
export function checkRootName({ tree, name, title }: Pick<RootRequest, 'tree' | 'name' | 'title'>): void {
  const problem = judgeImageName(name) ?? judgeTitle(title) ?? judgeSystemName(name.os);
  if (problem !== undefined) throw new RackError('bad-argument', problem);
  checkImageCount(tree, name);
  checkLinkPaths(tree, name);
}

/**
 * Adds a root that is already in a file of the boot tree.
 * @param rootFile the file, whose hash is known. `how` is as for `placeBlob`
 * @throws RackError `bad-argument` for an unusable name or root, `tool-missing` without the program
 * that expands it, `already-exists`
 */
export async function addRoot(
  request: RootRequest,
  rootFile: {
    readonly path: string;
    readonly file: FileHandle;
    readonly sha256: string;
    readonly how: 'rename' | 'link';
  },
): Promise<AddedRoot> {
  const { tree, name, format, rootName, fileName } = request;
  const { path, file, sha256 } = rootFile;
  checkRootName(request);
  const root = await requireRoot(file, format, fileName);
  const { size } = await file.stat();
  await chmod(path, 0o644);
  await placeBlob(tree, { path: blobPath(sha256, format), sha256 }, path, rootFile.how);
  const present = readImages(tree).images.find((image) => isSameName(image, name) && image.sha256 === sha256);
  const published = await publishStored(request, {
    ...name,
    sha256,
    bytes: size,
    format,
    diskBytes: estimateRootDiskBytes(size),
    partitionTable: 'none',
    title: toStoredTitle(request.title ?? present?.title ?? `${name.os}/${name.release} (${name.architecture})`),
    system: { subarch: name.subarchitecture, rootName, files: [] },
  });
  await refreshTree(tree, [published.image]);
  return { ...published, root };
}

/**
 * Copies a root into the store, and adds it.
 * @param pieces the content. Each piece is used only until the next one is requested
 * @param bytes the size of the content. Undefined if unknown
 * @throws RackError as `addRoot`, and `store-unwritable` if the disk lacks space; the error of `pieces`
 */
export async function copyRoot(
  request: RootRequest,
  pieces: AsyncIterable<Uint8Array>,
  bytes: number | undefined,
): Promise<AddedRoot> {
  const { tree, fileName } = request;
  const directory = join(tree, 'images');
  let part: StoreCopy | undefined;
  try {
    checkRootName(request);
    await makeDirectories(directory);
    await sweepBlobs(tree, systemClock.wallTimeMs(), new Set());
    part = beginCopy(tree);
    const { path } = part;
    await checkSpace(path, bytes ?? 0);
    const sha256 = await writeRootFile(path, pieces, fileName);
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

async function writeRootFile(path: string, pieces: AsyncIterable<Uint8Array>, fileName: string): Promise<string> {
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

async function requireRoot(file: FileHandle, format: RootFormat, fileName: string): Promise<RootFacts | undefined> {
  try {
    return await inspectRoot(await bytesOfFile(file, fileName), format);
  } catch (error) {
    throw error instanceof RootFault ? unusable(fileName, error.message, error.cause) : error;
  }
}
