// The kept files of unfinished imports. Counts their bytes, and removes partial files, complete
// files, and records of refused files (refusals.ts).

import { readdirSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { statLinkIfVisible } from '../../files/seen-stats.ts';
import { RackError } from '../../ground/errors.ts';
import { ALL_SUFFIXES, DATA_SUFFIXES, KEPT_FILE_NAME, removeKeptFile } from '../download/unheld-parts.ts';
import { sweepSeen } from '../sources/seen-documents.ts';
import { resolveLeftovers } from '../store/directory-publication.ts';
import { assertOwnStore, blobPath, hasBlob, readImages } from '../store/image-store.ts';
import { asStoreError } from '../store/store-error.ts';
import { findLinkInPath } from '../store/tree-place.ts';
import { hasAllFiles, listPartParents, listTreeParts } from './tree-parts.ts';

const DIGEST_NAME = /^[0-9a-f]{32,128}$/;
/** A file that has received no bytes for this long is removed instead of continued. */
const UNCHANGED_MS_MAX = 14 * 24 * 60 * 60 * 1000;

/**
 * Removes old files, and files that a killed process left although their image or part was
 * imported. Also removes old records of documents, and restores directories that an interrupted
 * replacement moved away.
 * @returns the freed bytes of files
 * @throws RackError `tree-unreadable`; `store-unwritable` for the first file that could not be
 * removed, after the others were removed
 */
export async function sweepDownloads(tree: string, nowMs: number): Promise<number> {
  await restoreParts(tree);
  assertOwnStore(tree);
  await sweepSeen(tree, nowMs);
  const directory = downloadDirectory(tree);
  const files = (await listKeptFiles(tree)).toSorted();
  const importedFiles = files.length === 0 ? new Set() : listImportedDigests(tree);
  let freed = 0;
  let problem: RackError | undefined;
  for (const file of files) {
    const { digest = '', size = '', end = '' } = KEPT_FILE_NAME.exec(file)?.groups ?? {};
    const stem = `${digest}${size}`;
    // The record of a partial file stays as long as that file.
    if (digest === '' || (end.startsWith('.part.') && files.includes(`${stem}.part`))) continue;
    const facts = await stat(join(directory, file)).catch(() => undefined);
    if (facts?.isFile() !== true) continue;
    const hasExpired = nowMs - facts.mtimeMs >= UNCHANGED_MS_MAX;
    const isImported = importedFiles.has(digest) && !end.startsWith('.refused');
    if (!hasExpired && !isImported) continue;
    try {
      if (await removeKeptFile(directory, digest, [stem], hasExpired ? ALL_SUFFIXES : DATA_SUFFIXES))
        freed += facts.size;
    } catch (error) {
      const storeError = asStoreError(error, directory);
      if (!(storeError instanceof RackError)) throw storeError;
      problem ??= storeError;
    }
  }
  if (problem !== undefined) throw problem;
  return freed;
}

/** Lists the files that imports keep. Lists none behind a link, where files of somebody else may be. */
const listKeptFiles = async (tree: string): Promise<readonly string[]> =>
  findLinkInPath(tree, DOWNLOADS) === undefined ? await readdir(downloadDirectory(tree)).catch(() => []) : [];

/**
 * Lists the digests of the files from which the images and parts of the tree were made. Leaves out
 * damaged ones, which may be downloaded again.
 */
function listImportedDigests(tree: string): ReadonlySet<string> {
  const images = readImages(tree).images.filter((image) => hasBlob(tree, image));
  const parts = listTreeParts(tree).filter((part) => hasAllFiles(tree, part));
  return new Set([
    ...images.flatMap(({ origin, sha256, system }) =>
      origin === undefined ? [] : [origin.hex, sha256, ...(system?.files ?? []).map((file) => file.sha256)],
    ),
    ...parts.flatMap(({ origin }) => origin?.digests ?? []),
  ]);
}

/**
 * Removes all kept downloads of files, except those that are being imported. @param names digests
 * of the files
 */
export async function removeKeptFiles(tree: string, names: readonly string[]): Promise<void> {
  const directory = downloadDirectory(tree);
  const files = await listKeptFiles(tree);
  for (const name of names.filter((entry) => DIGEST_NAME.test(entry))) {
    const stems = new Set(
      files.filter((file) => file.startsWith(name)).map((file) => /^[0-9a-f]+(?:-\d+)?/.exec(file)?.[0] ?? name),
    );
    if (stems.size > 0) await removeKeptFile(directory, name, [...stems], ALL_SUFFIXES);
  }
}

const DOWNLOADS = 'images/.downloads';
const downloadDirectory = (tree: string): string => join(tree, DOWNLOADS);

/**
 * Counts the bytes of files that an earlier import downloaded, or that the store has.
 * @param total the size of all files. Undefined if unknown
 */
export function countArrivedBytes(tree: string, digests: readonly string[], total: number | undefined): number {
  const directory = downloadDirectory(tree);
  const names = listDownloadNames(directory);
  const measureArrived = (digest: string): number => {
    const parts = names.filter((name) => name.startsWith(digest) && name.endsWith('.part'));
    const paths = [...[digest, ...parts].map((name) => join(directory, name)), join(tree, blobPath(digest, 'file'))];
    return paths.reduce((max, path) => Math.max(max, measureFile(path)), 0);
  };
  const bytes = [...new Set(digests)].reduce((sum, digest) => sum + measureArrived(digest), 0);
  return Math.min(bytes, total ?? bytes);
}

function listDownloadNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Measures a file. 0 if there is none. */
const measureFile = (path: string): number => {
  const stats = statLinkIfVisible(path);
  return stats?.isFile() === true ? stats.size : 0;
};

/** Resolves leftovers of killed processes (directory-publication.ts). */
async function restoreParts(tree: string): Promise<void> {
  for (const parent of listPartParents(tree).filter((parentPath) => findLinkInPath(tree, parentPath) === undefined))
    await resolveLeftovers(join(tree, parent)).catch((error: unknown) => {
      throw asStoreError(error, tree);
    });
}
