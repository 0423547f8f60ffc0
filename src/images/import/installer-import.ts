// Imports an offered installer: downloads its kernel and its initrd, verifies them, adds the drivers and publishes them in the boot tree.
//
// 1. Nothing appears in the tree before both files match their checksums in a trusted list, which is signed or was fetched by HTTPS.
// 2. The locks of both files are held until the end.
// 3. An interrupted download continues with the next import. Only a finished import removes the files.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeDownload } from '../download/removal.ts';
import type { DownloadRequest } from '../download/request.ts';
import { checkNames, type EnvironmentRequest, type Publication } from '../environment.ts';
import { waitForImports } from '../file-lock.ts';
import { publishInstaller } from '../installer.ts';
import { makeDirectories } from '../publication.ts';
import { type FetchTerms, fetchFile, lockOf } from './file-fetch.ts';
import { type InstallerOffer, installerName, type ListedFile } from './offer.ts';

/** The largest kernel or initrd, in bytes; both are read into memory. Debian's have at most 50 MB. */
const FILE_BYTES_MAX = 512 * 1024 * 1024;
/** The system whose packages a Debian host's apt can fetch for any release. */
const WITH_PACKAGES = 'debian';

/** The options of an import. */
export interface InstallerTerms
  extends FetchTerms,
    Pick<EnvironmentRequest, 'tree' | 'workDir' | 'packages' | 'onProgress'> {}

/**
 * Imports an installer as `ARCH/generic/RELEASE/install/{linux,initrd.gz,manifest.json}` of the tree.
 *
 * @throws RackError `source-failed` if no attempt delivered a file, `cancelled`, `already-running` if another import holds a file for too
 * long, and those of `publishInstaller`
 */
export async function importOfferedInstaller(offer: InstallerOffer, terms: InstallerTerms): Promise<Publication> {
  const { tree, workDir, packages, onProgress } = terms;
  const { os, release, base, title, architecture: arch, source, kernel, initrd } = offer;
  checkNames({ arch, release });
  const directory = join(tree, 'images', '.downloads');
  await makeDirectories(directory);
  const requests = [kernel, initrd].map((file) => requestOf(file, directory));
  const lock = await waitForImports(requests.map(lockOf), installerName(offer), terms);
  try {
    for (const request of requests) await fetchFile(request, installerName(offer), terms);
    const [linux, first] = await Promise.all(requests.map(({ name }) => readFile(join(directory, name))));
    if (linux === undefined || first === undefined) throw new Error('two files were requested');
    const facts = { os, release, base, title, source, kernel_url: kernel.url, initrd_url: initrd.url };
    const installer = { kernel: linux, initrd: first, base, hasPackages: os === WITH_PACKAGES, facts };
    const published = await publishInstaller({ tree, arch, release, workDir, packages, onProgress }, installer);
    for (const request of requests) await removeDownload(request);
    return published;
  } finally {
    lock.release();
  }
}

const requestOf = ({ url, digest }: ListedFile, directory: string): DownloadRequest => ({
  urls: [url],
  bytes: undefined,
  digest,
  bytesMax: FILE_BYTES_MAX,
  directory,
  name: digest.hex,
});
