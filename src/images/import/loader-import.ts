// Imports a boot loader from a stream into `bootloader/TYPE/ARCH/` of the boot tree, the directory that MAAS uses.
//
//   each file ─▶ download and verify ─▶ unpack archives in memory (loader-archive.ts) ─▶ replace the directory
//
// 1. Nothing appears in the tree until every file was verified and every archive was unpacked.
// 2. The locks of all files are held until the end: one file may belong to several loaders.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RackError } from '../../errors.ts';
import { removeDownload } from '../download/removal.ts';
import type { DownloadRequest } from '../download/request.ts';
import type { Publication } from '../environment.ts';
import { waitForImports } from '../file-lock.ts';
import { describeFile, encodeManifest, makeDirectories, publishDirectory } from '../publication.ts';
import { type FetchTerms, fetchFile, lockOf } from './file-fetch.ts';
import { type LoaderFile, unpackLoader } from './loader-archive.ts';
import { type LoaderOffer, loaderName, type NamedFile } from './offer.ts';

/** The largest file, in bytes: archives are unpacked in memory. Ubuntu's archives have at most 6 MB. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

/** The options of an import. */
interface LoaderTerms extends FetchTerms {
  /** The boot tree. */
  readonly tree: string;
}

/**
 * Imports a boot loader.
 * @throws RackError `source-failed`, `cancelled`, `already-running`, `bad-argument` for an archive that cannot be unpacked
 */
export async function importLoader(offer: LoaderOffer, terms: LoaderTerms): Promise<Publication> {
  const { tree } = terms;
  const name = loaderName(offer);
  const downloads = join(tree, 'images', '.downloads');
  await makeDirectories(downloads);
  if (offer.files.length === 0) throw new RackError('bad-argument', `${name} has no file`);
  const wanted = offer.files.map((file) => ({ file, request: requestOf(file, downloads) }));
  const paths = wanted.map(({ request }) => lockOf(request));
  const lock = await waitForImports(paths, name, terms.signal);
  try {
    const unpacked = new Map<string, LoaderFile>();
    for (const { file, request } of wanted) {
      await fetchFile(request, name, terms);
      const data = await readFile(join(downloads, request.name));
      const found = file.isArchive ? await unpackLoader(data, `${file.name} of ${name}`) : [{ name: file.name, data }];
      for (const one of found) {
        if (unpacked.get(one.name)?.data.equals(one.data) === false)
          throw new RackError('bad-argument', `${name} was not imported: two files named ${one.name} differ`);
        unpacked.set(one.name, one);
      }
    }
    const files = [...unpacked.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const { source, title, serial } = offer;
    const manifest = encodeManifest({ schema: 1, source, title, serial, packages: [], files: files.map(describeFile) });
    const directory = join(tree, name);
    await publishDirectory(directory, [...files, manifest]);
    for (const { request } of wanted) await removeDownload(request);
    return { directory, files: files.map(describeFile) };
  } finally {
    lock.release();
  }
}

const requestOf = ({ url, mirrors, bytes, digest }: NamedFile, directory: string): DownloadRequest => ({
  ...{ urls: [url, ...mirrors], bytes, digest, bytesMax: FILE_BYTES_MAX },
  ...{ directory, name: digest.hex },
});
