// Imports an offered installer: downloads its kernel and its initrd, verifies them, adds the drivers and publishes them in the boot tree. An
// installer that another Rackboot has finished is published as it is.
//
// 1. Nothing appears in the tree before both files match their checksums in a trusted list, which is signed or was fetched by HTTPS.
// 2. The locks of both files are held until the end.
// 3. An interrupted download continues with the next import. Only a finished import removes the files.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RackError } from '../../errors.ts';
import { removeDownload } from '../download/removal.ts';
import { checkNames, type EnvironmentRequest, type Publication } from '../environment.ts';
import { waitForImports } from '../file-lock.ts';
import { assertOwnStore } from '../image-store.ts';
import { publishInstaller } from '../installer.ts';
import { type InstallerOffer, installerName } from '../offers/offer.ts';
import { assertReplaceable, findPart, installerDirectory, replaceable } from '../parts/tree-parts.ts';
import {
  describeFile,
  encodeManifest,
  makeDirectories,
  publishDirectory,
  type ReplacementCheck,
} from '../publication.ts';
import { downloadOf, type FetchTerms, fetchFile, lockOf } from './file-fetch.ts';

/** The largest kernel or initrd, in bytes; both are read into memory. Debian's have at most 50 MB. */
const FILE_BYTES_MAX = 512 * 1024 * 1024;
/** The system whose packages a Debian host's apt can fetch for any release. */
const WITH_PACKAGES = 'debian';

/** The options of an import. */
export interface InstallerTerms
  extends FetchTerms,
    Pick<EnvironmentRequest, 'tree' | 'workDir' | 'packages' | 'onProgress'> {
  /** True: an installer that was made from the same files, and is undamaged, stays as it is. Default: false */
  readonly mayStay?: boolean | undefined;
}

/** An imported installer. */
interface InstallerImport extends Publication {
  readonly serial: string;
  /** False if it was there already. */
  readonly added: boolean;
}

/**
 * Imports an installer as `ARCH/generic/RELEASE/install/{linux,initrd.gz,manifest.json}` of the tree.
 *
 * @throws RackError `source-failed` if no attempt delivered a file, `cancelled`, `already-running` if another import holds a file for too
 * long, and those of `publishInstaller`
 */
export async function importOfferedInstaller(offer: InstallerOffer, terms: InstallerTerms): Promise<InstallerImport> {
  const { tree, workDir, packages, onProgress, signal } = terms;
  const { os, release, base, title, architecture: arch, source, kernel, initrd } = offer;
  checkNames({ arch, release });
  const fetched = [kernel, initrd].map(({ digest }) => digest.hex);
  const place = join(tree, installerDirectory(offer));
  const present = terms.mayStay === true ? await findPart(place, fetched) : undefined;
  if (present !== undefined) return { directory: place, ...present, added: false };
  assertOwnStore(tree);
  assertReplaceable(tree, installerDirectory(offer), os);
  const directory = join(tree, 'images', '.downloads');
  await makeDirectories(directory);
  const requests = [kernel, initrd].map((file) => downloadOf(file, directory, FILE_BYTES_MAX));
  const lock = await waitForImports(requests.map(lockOf), installerName(offer), terms);
  try {
    // At once: then the bytes of both are known early. The locks are held until neither is written any more.
    const ends = await Promise.allSettled(
      requests.map((request) => fetchFile(request, installerName(offer), { ...terms, mirrorKey: offer.mirrorKey })),
    );
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    const [linux, first] = await Promise.all(requests.map(({ name }) => readFile(join(directory, name))));
    if (linux === undefined || first === undefined) throw new Error('two files were requested');
    const facts = { os, release, base, title, source, kernel_url: kernel.url, initrd_url: initrd.url, fetched };
    const installer = { kernel: linux, initrd: first, base, hasPackages: os === WITH_PACKAGES, facts };
    const mayReplace = replaceable(tree, os);
    const request = { tree, arch, release, workDir, packages, onProgress, signal, mayReplace };
    const published =
      offer.finished === undefined
        ? await publishInstaller(request, installer)
        : await publishFinished(place, [linux, first], { ...facts, serial: offer.finished.serial }, mayReplace);
    for (const file of requests) await removeDownload(file);
    const made = await findPart(place, fetched);
    if (made === undefined)
      throw new RackError('not-found', `${installerName(offer)} was removed while it was imported: import it again`);
    return { ...published, serial: made.serial, added: true };
  } finally {
    lock.release();
  }
}

/** Publishes an installer that another Rackboot has finished. */
async function publishFinished(
  directory: string,
  [linux, initrd]: readonly [kernel: Buffer, initrd: Buffer],
  facts: Readonly<Record<string, unknown>>,
  mayReplace: ReplacementCheck,
): Promise<Publication> {
  const images = [
    { name: 'linux', data: linux },
    { name: 'initrd.gz', data: initrd },
  ];
  const files = images.map(describeFile);
  const manifest = encodeManifest({ schema: 1, ...facts, packages: [], files });
  await publishDirectory(directory, [...images, manifest], mayReplace);
  return { directory, files: [...files, describeFile(manifest)] };
}
