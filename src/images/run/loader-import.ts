// Imports a boot loader from a stream into `bootloader/TYPE/ARCH/` of the boot tree, the directory
// that MAAS uses.
//
//   each file ─▶ download and verify ─▶ unpack archives in memory (loader-archive.ts) ─▶ replace the directory
//
// An undamaged loader from the same files stays as it is.
//
// 1. Nothing appears in the tree until every file was verified and unpacked.
// 2. All files are locked until the end, because a file may belong to several loaders.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { composeOwnEntryPath } from '../../files/own-names.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import type { Publication } from '../build/environment.ts';
import { removeDownload } from '../download/part-file.ts';
import { type LoaderOffer, listDigests, offerName } from '../sources/offer.ts';
import { publishDirectory } from '../store/directory-publication.ts';
import { holdFiles } from '../store/held-files.ts';
import { assertOwnStore } from '../store/image-store.ts';
import { describeFile, encodeManifest, makeDirectories } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';
import { buildDownload, type FetchOptions, getLockPath } from './file-fetch.ts';
import { type LoaderFile, unpackLoader } from './loader-archive.ts';
import { assertReadableManifest, assertReplaceable, createReplacementCheck, findPart, MANIFEST } from './tree-parts.ts';

/** Bound on a file. Archives are unpacked in memory. Ubuntu's have at most 6 MB. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** Bound on all unpacked files of a loader together. */
const LOADER_BYTES_MAX = 256 * 1024 * 1024;

interface LoaderImportOptions extends FetchOptions {
  readonly tree: string;
  readonly bundle?: string | undefined;
}

interface LoaderImport extends Publication {
  readonly serial: string;
  readonly added: boolean;
}

/**
 * Imports a boot loader.
 * @throws RackError `source-failed`, `cancelled`, `already-running`, `bad-argument` for an archive
 * that cannot be unpacked, `store-unwritable`, `tree-unreadable`, and those of `assertReplaceable`
 */
export async function importLoader(offer: LoaderOffer, options: LoaderImportOptions): Promise<LoaderImport> {
  try {
    return await importMissingLoader(offer, options);
  } catch (error) {
    throw asStoreError(error, options.tree);
  }
}

async function importMissingLoader(offer: LoaderOffer, options: LoaderImportOptions): Promise<LoaderImport> {
  const { tree } = options;
  const name = offerName(offer);
  const directory = join(tree, name);
  const digests = [...new Set(listDigests(offer))];
  const present = await findPart(directory, digests);
  if (present !== undefined) return { directory, ...present, added: false };
  assertOwnStore(tree);
  assertReplaceable(tree, name);
  const downloads = composeOwnEntryPath(tree, '.downloads');
  await makeDirectories(downloads);
  const downloadsOfFiles = offer.files.map((file) => ({
    file,
    request: buildDownload(file, name, downloads, FILE_BYTES_MAX),
  }));
  const paths = downloadsOfFiles.map(({ request }) => getLockPath(request));
  const lock = holdFiles(paths, name);
  try {
    const unpacked = new Map<string, LoaderFile>();
    let bytes = 0;
    for (const { file, request } of downloadsOfFiles) {
      await options.downloads.fetch(request, options);
      const data = await readFile(join(downloads, request.name));
      const members =
        file.isArchive === true ? await unpackLoader(data, `${file.name} of ${name}`) : [{ name: file.name, data }];
      bytes += members.reduce((sum, member) => sum + member.data.length, 0);
      if (bytes > LOADER_BYTES_MAX)
        throw new RackError(
          'bad-argument',
          `${name} was not imported: it has more than ${counted(LOADER_BYTES_MAX, 'byte')}`,
        );
      for (const member of members) {
        if (member.name === MANIFEST)
          throw new RackError('bad-argument', `${name} was not imported: no file of it may be named ${MANIFEST}`);
        if (unpacked.get(member.name)?.data.equals(member.data) === false)
          throw new RackError('bad-argument', `${name} was not imported: two files named ${member.name} differ`);
        unpacked.set(member.name, member);
      }
    }
    const files = [...unpacked.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const { source, title, label, serial } = offer;
    const publishedFiles = files.map(describeFile);
    const isBundled = options.bundle === undefined ? {} : { isBundled: true };
    const facts = { source, title, label, serial, fetched: digests, ...isBundled };
    const manifest = encodeManifest({ schema: 1, ...facts, packages: [], files: publishedFiles });
    assertReadableManifest(name, manifest);
    await publishDirectory(directory, [...files, manifest], createReplacementCheck(tree));
    for (const { request } of downloadsOfFiles) await removeDownload(request);
    const importedPart = await findPart(directory, digests);
    if (importedPart === undefined)
      throw new RackError('not-found', `${name} was removed while it was imported: import it again`);
    return { directory, ...importedPart, added: true };
  } finally {
    lock.release();
  }
}
