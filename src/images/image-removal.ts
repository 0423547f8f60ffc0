// Removes images from the store, and blobs that no image needs.
//
// 1. Removing an image removes its manifest; a blob is deleted when no manifest names it.
// 2. A copy under way (`beginCopy`) is locked, because its download may stall for longer than LEFTOVER_MS. The kernel releases the lock
//    with the thread, however that ends.

import { existsSync } from 'node:fs';
import { chmod, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { newUuid } from '../clock.ts';
import { RackError } from '../errors.ts';
import { tryLock } from './file-lock.ts';
import { blobsOf, manifestPath, readImages, type StoredImage } from './image-store.ts';

/** Leftovers older than this cannot belong to a running addition. */
const LEFTOVER_MS = 60 * 60 * 1000;

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
 */
export async function removeImages(
  tree: string,
  images: readonly StoredImage[],
  nowMs: number,
  { isKnown }: Pick<ImageUse, 'isKnown'>,
): Promise<number> {
  for (const image of images) await rm(manifestPath(tree, image), { force: true });
  if (images.some(({ system }) => system !== undefined)) {
    const { refreshTree } = await import('./system-tree.ts');
    await refreshTree(tree, images);
  }
  const doomed = new Set(images.flatMap((image) => blobsOf(image).map(({ path }) => path)));
  if (isKnown) return sweepBlobs(tree, nowMs, doomed);
  // A sweep spares recent blobs; the first one after an hour removes these.
  for (const path of doomed) await keepBlobRecent(join(tree, path)).catch(() => undefined);
  return sweepBlobs(tree, nowMs, new Set());
}

/**
 * Deletes blobs that no manifest names: those in `doomed` at once, others when they are too old to belong to a running addition. While a
 * manifest is unreadable nothing is deleted: it may name a blob that seems unused.
 */
export async function sweepBlobs(tree: string, nowMs: number, doomed: ReadonlySet<string>): Promise<number> {
  const { images, problems } = readImages(tree);
  if (problems.length > 0) return 0;
  const kept = new Set(images.flatMap((image) => blobsOf(image).map(({ path }) => path)));
  let freed = 0;
  for (const entry of await readdir(join(tree, 'images'), { recursive: true, withFileTypes: true }).catch(() => [])) {
    const path = join(entry.parentPath, entry.name);
    const relative = path.slice(tree.length + 1);
    const isOurs =
      /^images\/(?:[0-9a-f]{2}\/[0-9a-f]{64}\.(?:img(?:\.zst)?|squashfs|root\.tar|root\.gz|file)|\.part-[0-9a-f-]+(?:\.lock)?|\.manifests\/\.[^/]+\.json\.[0-9a-f-]{36})$/.test(
        relative,
      );
    if (!entry.isFile() || !isOurs || kept.has(relative)) continue;
    const facts = await stat(path).catch(() => undefined);
    if (facts === undefined || (!doomed.has(relative) && nowMs - facts.ctimeMs < LEFTOVER_MS)) continue;
    if (isBeingWritten(path)) continue;
    await rm(path, { force: true });
    freed += facts.size;
  }
  const { sweepSystems } = await import('./system-tree.ts');
  await sweepSystems(tree, images, nowMs);
  return freed;
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

/** Begins a copy. @throws RackError `store-unwritable`; the system's error */
export async function beginCopy(tree: string): Promise<StoreCopy> {
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
