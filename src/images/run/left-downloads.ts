// The files of unfinished imports: counts their bytes, and removes parts, whole files, and the
// memory of refused ones (refusals.ts).

import { readdirSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { seenEntry } from '../../files/seen-stats.ts';
import { RackError } from '../../ground/errors.ts';
import { BYTE_ENDS, ENDS, OF_FILE, removeUnheld } from '../download/unheld-parts.ts';
import { sweepSeen } from '../sources/seen-documents.ts';
import { settleLeftovers } from '../store/directory-publication.ts';
import { assertOwnStore, blobPath, hasBlob, readImages } from '../store/image-store.ts';
import { asStoreError } from '../store/store-error.ts';
import { linkOnWay } from '../store/tree-place.ts';
import { hasFiles, listTreeParts, partParents } from './tree-parts.ts';

const NAME = /^[0-9a-f]{32,128}$/;
/** A file without new bytes for this long is removed instead of continued. */
const LEFT_MS = 14 * 24 * 60 * 60 * 1000;

/**
 * Removes old files, and those that a killed process left although their image or part is here.
 * Also forgets unread documents, and puts back what an interrupted replacement took out.
 * @returns the freed bytes of files
 * @throws RackError `tree-unreadable`; `store-unwritable` for the first file that could not be
 * removed, after the others
 */
export async function sweepDownloads(tree: string, nowMs: number): Promise<number> {
  await restoreParts(tree);
  assertOwnStore(tree);
  await sweepSeen(tree, nowMs);
  const directory = downloadDirectory(tree);
  const files = (await keptFiles(tree)).toSorted();
  const imported = files.length === 0 ? new Set() : importedDigests(tree);
  let freed = 0;
  let problem: RackError | undefined;
  for (const file of files) {
    const { digest = '', size = '', end = '' } = OF_FILE.exec(file)?.groups ?? {};
    const stem = `${digest}${size}`;
    // A record stays as long as its part.
    if (digest === '' || (end.startsWith('.part.') && files.includes(`${stem}.part`))) continue;
    const facts = await stat(join(directory, file)).catch(() => undefined);
    if (facts?.isFile() !== true) continue;
    const isOld = nowMs - facts.mtimeMs >= LEFT_MS;
    const isDone = imported.has(digest) && !end.startsWith('.refused');
    if (!isOld && !isDone) continue;
    try {
      if (await removeUnheld(directory, digest, [stem], isOld ? ENDS : BYTE_ENDS)) freed += facts.size;
    } catch (error) {
      const storeError = asStoreError(error, directory);
      if (!(storeError instanceof RackError)) throw storeError;
      problem ??= storeError;
    }
  }
  if (problem !== undefined) throw problem;
  return freed;
}

/** The files that imports keep; none behind a link, where somebody else's files are. */
const keptFiles = async (tree: string): Promise<readonly string[]> =>
  linkOnWay(tree, DOWNLOADS) === undefined ? await readdir(downloadDirectory(tree)).catch(() => []) : [];

/**
 * The digests of the files from which the tree was made, without damaged parts, which may be coming
 * again.
 */
function importedDigests(tree: string): ReadonlySet<string> {
  const images = readImages(tree).images.filter((image) => hasBlob(tree, image));
  const parts = listTreeParts(tree).filter((part) => hasFiles(tree, part));
  return new Set([
    ...images.flatMap(({ origin, sha256, system }) =>
      origin === undefined ? [] : [origin.hex, sha256, ...(system?.files ?? []).map((file) => file.sha256)],
    ),
    ...parts.flatMap(({ origin }) => origin?.digests ?? []),
  ]);
}

/**
 * Removes all that imports keep of these files, unless a process is importing one. @param names
 * their digests
 */
export async function removeLeft(tree: string, names: readonly string[]): Promise<void> {
  const directory = downloadDirectory(tree);
  const files = await keptFiles(tree);
  for (const name of names.filter((entry) => NAME.test(entry))) {
    const stems = new Set(
      files.filter((file) => file.startsWith(name)).map((file) => /^[0-9a-f]+(?:-\d+)?/.exec(file)?.[0] ?? name),
    );
    if (stems.size > 0) await removeUnheld(directory, name, [...stems], ENDS);
  }
}

const DOWNLOADS = 'images/.downloads';
const downloadDirectory = (tree: string): string => join(tree, DOWNLOADS);

/**
 * The bytes of these files that an earlier import downloaded, or that the store has.
 * @param total the size of all; undefined: unknown
 */
export function arrivedBytes(tree: string, digests: readonly string[], total: number | undefined): number {
  const directory = downloadDirectory(tree);
  const names = listDownloadNames(directory);
  const bytesOf = (digest: string): number => {
    const parts = names.filter((name) => name.startsWith(digest) && name.endsWith('.part'));
    const paths = [...[digest, ...parts].map((name) => join(directory, name)), join(tree, blobPath(digest, 'file'))];
    return paths.reduce((max, path) => Math.max(max, measureFile(path)), 0);
  };
  const bytes = [...new Set(digests)].reduce((sum, digest) => sum + bytesOf(digest), 0);
  return Math.min(bytes, total ?? bytes);
}

function listDownloadNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** 0: no such file. */
const measureFile = (path: string): number => {
  const stats = seenEntry(path);
  return stats?.isFile() === true ? stats.size : 0;
};

/** Ends what killed processes began (directory-publication.ts). */
async function restoreParts(tree: string): Promise<void> {
  for (const parent of partParents(tree).filter((parentPath) => linkOnWay(tree, parentPath) === undefined))
    await settleLeftovers(join(tree, parent)).catch((error: unknown) => {
      throw asStoreError(error, tree);
    });
}
