// Imports a boot loader from a stream into `bootloader/TYPE/ARCH/` of the boot tree, the directory that MAAS uses.
//
//   each file ─▶ download and verify ─▶ unpack archives in memory (loader-archive.ts) ─▶ replace the directory
//
// 1. Nothing appears in the tree until every file was verified and every archive was unpacked.

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RackError } from '../../errors.ts';
import { removeDownload } from '../download/removal.ts';
import type { DownloadRequest } from '../download/request.ts';
import type { Publication } from '../environment.ts';
import { lockImport } from '../file-lock.ts';
import { describeFile, encodeManifest, makeDirectories, publishDirectory } from '../publication.ts';
import { type FetchTerms, fetchFile } from './file-fetch.ts';
import { type LoaderFile, unpackLoader } from './loader-archive.ts';
import { type LoaderOffer, loaderName } from './offer.ts';

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
  const [first] = offer.files;
  if (first === undefined) throw new RackError('bad-argument', `${name} has no file`);
  const lockPath = join(downloads, `${first.digest.hex}.lock`);
  const lock = lockImport(lockPath, name);
  try {
    const requests: DownloadRequest[] = [];
    const unpacked = new Map<string, LoaderFile>();
    for (const file of offer.files) {
      const { url, mirrors, bytes, digest } = file;
      const urls = [url, ...mirrors];
      const request = { urls, bytes, digest, bytesMax: FILE_BYTES_MAX, directory: downloads, name: digest.hex };
      await fetchFile(request, name, terms);
      requests.push(request);
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
    for (const request of requests) await removeDownload(request);
    return { directory, files: files.map(describeFile) };
  } finally {
    await rm(lockPath, { force: true });
    lock.release();
  }
}
