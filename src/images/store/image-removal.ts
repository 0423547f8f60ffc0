// Removes images from the store, and blobs that no image needs.
//
// 1. An image is removed with its manifest; a blob is deleted when no manifest names it, in a turn
//    of the store (stored-blob.ts).
// 2. The file of a copy that is not under way (`beginCopy`) belongs to a killed process, and is
//    removed at once.

import type { Dirent } from 'node:fs';
import { chmod, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { statLinkIfVisible } from '../../files/seen-stats.ts';
import { newUuid } from '../../ground/clock.ts';
import { assertOwnStore, listBlobs, manifestPath, readImages, type StoredImage } from './image-store.ts';
import { removeEmpty } from './publication.ts';
import { asStoreError } from './store-error.ts';
import { inStoreTurn } from './stored-blob.ts';
import { keepSystem, refreshTree, sweepSystems } from './system-tree.ts';

/** A blob, or a manifest that is being written, relative to the tree. */
const BLOB =
  /^images\/(?:[0-9a-f]{2}\/[0-9a-f]{64}\.(?:img(?:\.zst)?|squashfs|root\.tar|root\.gz|file)|\.manifests\/\.[^/]+\.json\.[0-9a-f-]{36})$/;
/** Matches the file of a copy. */
const COPY = /^images\/\.part-[0-9a-f-]+$/;

/** Older leftovers cannot belong to a running addition. */
const LEFTOVER_MS = 60 * 60 * 1000;

/** The images from which machines are being deployed now. */
export interface ImageUse {
  /** Finds the machines that use an image. */
  findUsers(image: StoredImage): readonly string[];
  /** False if this host cannot know the uses. The bytes then stay for an hour, for machines that use them. */
  readonly areUsesKnown: boolean;
}

/**
 * Removes images from the store, and the blobs that no remaining image needs. The caller leaves out
 * images in use.
 * @param nowMs wall time
 * @returns the freed bytes
 * @throws RackError `store-unwritable`
 */
export async function removeImages(
  tree: string,
  images: readonly StoredImage[],
  nowMs: number,
  { areUsesKnown }: Pick<ImageUse, 'areUsesKnown'>,
): Promise<number> {
  try {
    for (const image of images) await rm(manifestPath(tree, image), { force: true });
    if (images.some(({ system }) => system !== undefined)) {
      await refreshTree(tree, images);
    }
    const doomed = new Set(listBlobPaths(images));
    if (areUsesKnown) return await sweepBlobs(tree, nowMs, doomed);
    // The first sweep after an hour removes the bytes.
    for (const image of images) await keepBytesForMachines(tree, image);
    return await sweepBlobs(tree, nowMs, new Set());
  } catch (error) {
    throw asStoreError(error, join(tree, 'images'));
  }
}

/**
 * Deletes blobs that no manifest names. Blobs in `doomed` are deleted at once, others when no
 * running addition can need them. While a manifest is unreadable, nothing is deleted, because it
 * may name any blob.
 * @throws the system's error
 */
export async function sweepBlobs(tree: string, nowMs: number, doomed: ReadonlySet<string>): Promise<number> {
  const freed = await inStoreTurn(async () => {
    const { images, problems } = readImages(tree);
    return problems.length > 0 ? undefined : await deleteUnneeded(tree, nowMs, doomed, new Set(listBlobPaths(images)));
  });
  if (freed === undefined) return 0;
  await sweepSystems(tree, nowMs);
  return freed;
}

async function deleteUnneeded(
  tree: string,
  nowMs: number,
  doomed: ReadonlySet<string>,
  neededPaths: ReadonlySet<string>,
): Promise<number> {
  let freed = 0;
  for (const entry of await listImageEntries(join(tree, 'images'))) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(tree, path);
    const isCopy = COPY.test(name);
    if (!entry.isFile() || !(isCopy || BLOB.test(name)) || neededPaths.has(name) || copies.has(path)) continue;
    const stats = statLinkIfVisible(path);
    if (stats === undefined) continue;
    // The manifest or the blob may still be in use by a running addition.
    if (!isCopy && !doomed.has(name) && nowMs - stats.ctimeMs < LEFTOVER_MS) continue;
    await rm(path, { force: true });
    await removeEmpty([dirname(path)]);
    freed += stats.size;
  }
  return freed;
}

const listBlobPaths = (images: readonly StoredImage[]): readonly string[] =>
  images.flatMap((image) => listBlobs(image).map(({ path }) => path));

async function listImageEntries(images: string): Promise<readonly Dirent[]> {
  const listEntries = (path: string): Promise<readonly Dirent[]> =>
    readdir(path, { withFileTypes: true }).catch(() => []);
  const entries = await listEntries(images);
  const subdirectoryEntries: Dirent[] = [];
  for (const entry of entries)
    if (entry.isDirectory()) subdirectoryEntries.push(...(await listEntries(join(images, entry.name))));
  return [...entries, ...subdirectoryEntries];
}

/** Keeps the bytes of an image for an hour, for machines that are reading them. */
export async function keepBytesForMachines(tree: string, image: StoredImage): Promise<void> {
  for (const path of listBlobPaths([image])) await renewBlobTime(join(tree, path)).catch(() => undefined);
  if (image.system === undefined) return;
  await keepSystem(tree, image);
}

/**
 * Renews the change time (ctime), which `sweepBlobs` reads. The modification time stays: its change
 * would end every transfer (files/shared-file.ts). Source: chmod(2).
 */
async function renewBlobTime(path: string): Promise<void> {
  await chmod(path, (await stat(path)).mode & 0o7777);
}

/** A file that is being copied into the store. */
export interface StoreCopy {
  readonly path: string;
  /** Ends the copy, and removes its file if it is still there. */
  end(): Promise<void>;
}

const copies = new Set<string>();

/** Begins a copy. @throws RackError `tree-unreadable` */
export function beginCopy(tree: string): StoreCopy {
  assertOwnStore(tree);
  const path = join(tree, 'images', `.part-${newUuid()}`);
  copies.add(path);
  return {
    path,
    end: async () => {
      await rm(path, { force: true });
      copies.delete(path);
    },
  };
}
