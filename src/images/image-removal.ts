// Removes images from the store, and blobs that no image needs.
//
// 1. Removing an image removes its manifest; a blob is deleted when no manifest names it. Whether one does is decided under the lock of the
//    store (stored-blob.ts): another image with the same bytes may have been published since the listing.
// 2. A copy under way (`beginCopy`) is locked, because its download may stall for longer than LEFTOVER_MS. The kernel releases the lock
//    with the thread, however that ends. So a copy whose lock is free is removed at once: each killed import would leave one for an hour.

import { type Dirent, existsSync, type Stats } from 'node:fs';
import { chmod, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { newUuid } from '../clock.ts';
import { RackError } from '../errors.ts';
import { seenEntry } from '../files/seen-stats.ts';
import { tryLock } from './file-lock.ts';
import {
  assertOwnStore,
  blobsOf,
  type KnownManifests,
  manifestPath,
  readImages,
  type StoredImage,
} from './image-store.ts';
import { removeEmpty } from './publication.ts';
import { asStoreError } from './store-error.ts';
import { whileStoreLocked } from './stored-blob.ts';

/** The path of a blob, relative to the tree. */
const BLOB = /^images\/[0-9a-f]{2}\/[0-9a-f]{64}\.(?:img(?:\.zst)?|squashfs|root\.tar|root\.gz|file)$/;
/** That of a copy under way, or of a manifest that is being written. */
const LEFTOVER = /^images\/(?:\.part-[0-9a-f-]+(?:\.lock)?|\.manifests\/\.[^/]+\.json\.[0-9a-f-]{36})$/;

/** Leftovers without a lock that are older than this cannot belong to a running addition. */
const LEFTOVER_MS = 60 * 60 * 1000;
/** How many blobs are deleted under one lock. */
const DELETED_AT_ONCE = 32;

/** The images from which machines are being deployed now. */
export interface ImageUse {
  /** The names of the machines that use an image; empty if no machine does. */
  usersOf(image: StoredImage): readonly string[];
  /** False if this host cannot know the uses. Then the bytes of a removed image stay for an hour, for machines that are reading them. */
  readonly isKnown: boolean;
}

/**
 * Removes images from the store, and the blobs that no remaining image needs. The caller must leave out images in use.
 * @param nowMs wall time; leftovers of a killed addition are removed after an hour
 * @returns the freed bytes
 * @throws RackError `store-unwritable`, `already-running`
 */
export async function removeImages(
  tree: string,
  images: readonly StoredImage[],
  nowMs: number,
  { isKnown }: Pick<ImageUse, 'isKnown'>,
): Promise<number> {
  try {
    for (const image of images) await rm(manifestPath(tree, image), { force: true });
    if (images.some(({ system }) => system !== undefined)) {
      const { refreshTree } = await import('./system-tree.ts');
      await refreshTree(tree, images);
    }
    const doomed = new Set(pathsOf(images));
    if (isKnown) return await sweepBlobs(tree, nowMs, doomed);
    // A sweep spares recent blobs; the first one after an hour removes these.
    for (const image of images) await keepForMachines(tree, image);
    return await sweepBlobs(tree, nowMs, new Set());
  } catch (error) {
    throw asStoreError(error, join(tree, 'images'));
  }
}

/**
 * Deletes blobs that no manifest names: those in `doomed` at once, others when they are too old to belong to a running addition. While a
 * manifest is unreadable nothing is deleted: it may name a blob that seems unused.
 * @throws RackError as `whileStoreLocked`
 */
export async function sweepBlobs(tree: string, nowMs: number, doomed: ReadonlySet<string>): Promise<number> {
  const known: KnownManifests = new Map();
  const { images, problems } = readImages(tree, known);
  if (problems.length > 0) return 0;
  const kept = new Set(pathsOf(images));
  const isDue = (name: string, { ctimeMs }: Stats): boolean => doomed.has(name) || nowMs - ctimeMs >= LEFTOVER_MS;
  const unneeded: string[] = [];
  let freed = 0;
  for (const entry of await entriesIn(join(tree, 'images'))) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(tree, path);
    const isBlob = BLOB.test(name);
    if (!entry.isFile() || !(isBlob || LEFTOVER.test(name)) || kept.has(name)) continue;
    const facts = await stat(path).catch(() => undefined);
    if (facts === undefined) continue;
    // A copy comes after its lock was taken. A lock alone may be about to be taken.
    const isLockedCopy = /\/\.part-[0-9a-f-]+$/.test(path) && existsSync(`${path}.lock`);
    if (!isLockedCopy && !isDue(name, facts)) continue;
    if (isBlob) unneeded.push(name);
    else if (!isBeingWritten(path)) {
      await rm(path, { force: true });
      freed += facts.size;
    }
  }
  for (let at = 0; at < unneeded.length; at += DELETED_AT_ONCE) {
    const paths = unneeded.slice(at, at + DELETED_AT_ONCE);
    freed += await deleteUnneeded({ tree, paths, images: new Set(images), known, isDue });
  }
  const { sweepSystems } = await import('./system-tree.ts');
  await sweepSystems(tree, nowMs);
  return freed;
}

const pathsOf = (images: readonly StoredImage[]): readonly string[] =>
  images.flatMap((image) => blobsOf(image).map(({ path }) => path));

/** Blobs that seem unneeded. */
interface Unneeded {
  readonly tree: string;
  /** Relative to the tree. */
  readonly paths: readonly string[];
  /** The images that need none of them. */
  readonly images: ReadonlySet<StoredImage>;
  readonly known: KnownManifests;
  readonly isDue: (path: string, facts: Stats) => boolean;
}

/** The entries of the store and of the directories in it. Another process may remove one of these that is empty. */
async function entriesIn(images: string): Promise<readonly Dirent[]> {
  const list = (path: string): Promise<readonly Dirent[]> => readdir(path, { withFileTypes: true }).catch(() => []);
  const entries = await list(images);
  const below: Dirent[] = [];
  for (const entry of entries) if (entry.isDirectory()) below.push(...(await list(join(images, entry.name))));
  return [...entries, ...below];
}

/** Deletes blobs unless an image that was published since needs them. @returns the freed bytes */
async function deleteUnneeded({ tree, paths, images, known, isDue }: Unneeded): Promise<number> {
  return whileStoreLocked(tree, async (keep) => {
    const now = readImages(tree, known);
    if (now.problems.length > 0) return 0;
    const needed = new Set(pathsOf(now.images.filter((image) => !images.has(image))));
    let freed = 0;
    for (const name of paths) {
      const path = join(tree, name);
      const facts = seenEntry(path);
      if (facts?.isFile() !== true || needed.has(name) || !isDue(name, facts)) continue;
      await keep(path);
      await rm(path, { force: true });
      await removeEmpty([dirname(path)]);
      freed += facts.size;
    }
    return freed;
  });
}

/** Keeps the bytes of an image whose manifest is gone, or goes next, for an hour: a machine may be reading them. */
export async function keepForMachines(tree: string, image: StoredImage): Promise<void> {
  for (const path of pathsOf([image])) await keepBlobRecent(join(tree, path)).catch(() => undefined);
  if (image.system === undefined) return;
  const { keepSystem } = await import('./system-tree.ts');
  await keepSystem(tree, image);
}

/**
 * Makes a blob recent for `sweepBlobs`, which reads its change time (ctime). The modification time (mtime) stays, because the rack ends
 * every transfer of a file whose content has changed (files/shared-file.ts). Source: chmod(2).
 */
async function keepBlobRecent(path: string): Promise<void> {
  await chmod(path, (await stat(path)).mode & 0o7777);
}

/** A file that is written into the store, before it gets its place there. */
export interface StoreCopy {
  readonly path: string;
  /** Ends the copy, and removes its file if that is still there. */
  end(): Promise<void>;
}

/** Begins a copy. @throws RackError `store-unwritable`, `tree-unreadable`; the system's error */
export async function beginCopy(tree: string): Promise<StoreCopy> {
  assertOwnStore(tree);
  const path = join(tree, 'images', `.part-${newUuid()}`);
  // The system's error says more than that of the lock.
  await (await open(`${path}.lock`, 'wx', 0o644)).close();
  const lock = tryLock(`${path}.lock`, 0);
  return {
    path,
    end: async () => {
      for (const left of [path, `${path}.lock`]) await rm(left, { force: true });
      lock?.release();
    },
  };
}

/** True for a copy, or its lock, while the thread that writes it lives. One without a lock was left by an older release. */
function isBeingWritten(path: string): boolean {
  const [copy] = /^.*\/\.part-(?:\d+-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(path) ?? [];
  if (copy === undefined || !existsSync(`${copy}.lock`)) return false;
  try {
    const lock = tryLock(`${copy}.lock`, 0);
    lock?.release();
    return lock === undefined;
  } catch (error) {
    if (error instanceof RackError) return true;
    throw error;
  }
}
