// Imports an offered installer: downloads and verifies kernel and initrd, adds drivers and
// publishes them. The finished installer of another Rackboot is published as it is.
//
// 1. Nothing appears in the tree before both files match a trusted list. A list is trusted if it is
//    signed or fetched by HTTPS.
// 2. Both files are held until the end.
// 3. The next import continues an interrupted download. Only a finished import removes the files.
// 4. Several imports may download at a time. One import at a time adds drivers.
// 5. Unchanged files are hard links to the downloads, so they take no space twice.

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { composeOwnEntryPath } from '../../files/own-names.ts';
import { RackError } from '../../ground/errors.ts';
import { checkNames, type EnvironmentRequest, type Publication } from '../build/environment.ts';
import { type InstallerFiles, publishInstaller } from '../build/installer.ts';
import { publishInstallerFiles } from '../build/installer-files.ts';
import { removeDownload } from '../download/part-file.ts';
import { type InstallerOffer, listDigests, offerName } from '../sources/offer.ts';
import type { ReplacementCheck } from '../store/directory-publication.ts';
import { holdFiles } from '../store/held-files.ts';
import { assertOwnStore } from '../store/image-store.ts';
import { SequentialQueue } from '../store/one-at-a-time.ts';
import { describeFile, encodeManifest, makeDirectories } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';
import { buildDownload, type FetchOptions, getLockPath } from './file-fetch.ts';
import { assertReplaceable, createReplacementCheck, findPart, getInstallerDirectory } from './tree-parts.ts';

/** Bound on kernel and initrd, which are both read into memory. Debian's have at most 50 MB. */
const FILE_BYTES_MAX = 512 * 1024 * 1024;
const DISC = 'installer.iso';
const DISC_BYTES_MAX = 32 * 1024 ** 3;
/** The system whose packages apt of a Debian host can fetch, for any release. */
const OS_WITH_PACKAGES = 'debian';

/**
 * One import at a time adds drivers, because each may take 1 GiB of memory, and two cannot use the
 * package manager together.
 */
const driverQueue = new SequentialQueue();
/** A separate queue, so that checks do not wait for the package manager. */
const checkQueue = new SequentialQueue();

/** The options of an import. */
interface InstallerImportOptions
  extends FetchOptions,
    Pick<EnvironmentRequest, 'tree' | 'workDir' | 'packages' | 'onProgress'> {
  readonly bundle?: string | undefined;
  /** True if an undamaged installer from the same files may stay. The default is false. */
  readonly mayKeepPresent?: boolean | undefined;
  /**
   * Called when both files have arrived. From then on the import needs no server, but may wait for
   * its turn.
   */
  readonly onWaitForTurn?: (() => void) | undefined;
}

interface InstallerImport extends Publication {
  readonly serial: string;
  readonly added: boolean;
}

/**
 * Imports an installer as `ARCH/generic/RELEASE/install/{linux,initrd.gz,manifest.json}` of the tree.
 *
 * @throws RackError `source-failed` if no attempt delivered a file, `cancelled`, `already-running`
 * if another import needs a file, `store-unwritable`, `tree-unreadable`, and those of
 * `assertReplaceable` and `publishInstaller`
 */
export async function importOfferedInstaller(
  offer: InstallerOffer,
  options: InstallerImportOptions,
): Promise<InstallerImport> {
  try {
    return await importMissingInstaller(offer, options);
  } catch (error) {
    throw asStoreError(error, options.tree);
  }
}

async function importMissingInstaller(
  offer: InstallerOffer,
  options: InstallerImportOptions,
): Promise<InstallerImport> {
  const { tree, signal } = options;
  const { os, release, architecture: arch } = offer;
  checkNames({ arch, release });
  const digests = listDigests(offer);
  const installerPath = join(tree, getInstallerDirectory(offer));
  const present =
    options.mayKeepPresent === true ? await checkQueue.run(() => findPart(installerPath, digests), signal) : undefined;
  if (present !== undefined) return { directory: installerPath, ...present, added: false };
  assertOwnStore(tree);
  assertReplaceable(tree, getInstallerDirectory(offer), os);
  const directory = composeOwnEntryPath(tree, '.downloads');
  await makeDirectories(directory);
  // The initrd is written again if drivers are added.
  const isConverted = offer.isPrebuilt !== true && (os === OS_WITH_PACKAGES || options.packages !== undefined);
  const allRequests = offer.files.map((file) => ({
    ...buildDownload(file, offerName(offer), directory, file.name === DISC ? DISC_BYTES_MAX : FILE_BYTES_MAX),
    mirrorKey: offer.mirrorKey,
    isConverted: isConverted && file.name === 'initrd.gz',
  }));
  // Kernel and initrd may be the same file.
  const requests = [...new Map(allRequests.map((request) => [request.name, request])).values()];
  const lock = holdFiles(requests.map(getLockPath), offerName(offer));
  try {
    // The files are downloaded concurrently, so that both sizes are known early. They stay locked
    // until both downloads have ended.
    const outcomes = await Promise.allSettled(requests.map((request) => options.downloads.fetch(request, options)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    options.onWaitForTurn?.();
    const importedInstaller = await driverQueue.run(async () => {
      const published = await publishFetchedInstaller(offer, options, {
        installerPath,
        downloadDirectory: directory,
        digests,
      });
      for (const file of requests) await removeDownload(file);
      const part = await findPart(installerPath, digests);
      return part === undefined ? undefined : { ...published, serial: part.serial };
    }, signal);
    if (importedInstaller === undefined)
      throw new RackError('not-found', `${offerName(offer)} was removed while it was imported: import it again`);
    return { ...importedInstaller, added: true };
  } finally {
    lock.release();
  }
}

interface FetchedInstaller {
  /** The directory of the installer. */
  readonly installerPath: string;
  /** The directory of the downloads. */
  readonly downloadDirectory: string;
  /** The digests of the downloaded files. */
  readonly digests: readonly string[];
}

/** Publishes an installer. Adds drivers unless another Rackboot has already added them. */
async function publishFetchedInstaller(
  offer: InstallerOffer,
  { tree, workDir, packages, onProgress, signal, bundle }: InstallerImportOptions,
  { installerPath, downloadDirectory, digests }: FetchedInstaller,
): Promise<Publication> {
  const { os, release, base, title, architecture: arch, source, serial } = offer;
  const [kernel, initrd, disc] = offer.files;
  if (initrd === undefined) throw new Error('an installer has a kernel and an initrd');
  const stored = {
    kernel: join(downloadDirectory, kernel.digest.hex),
    initrd: join(downloadDirectory, initrd.digest.hex),
  };
  const files = { kernel: await readFile(stored.kernel), initrd: await readFile(stored.initrd), stored };
  const facts = { os, release, base, title, source, kernel_url: kernel.url, initrd_url: initrd.url, fetched: digests };
  const mayReplace = createReplacementCheck(tree, os);
  if (offer.isPrebuilt === true) {
    const isBundled = bundle === undefined ? {} : { isBundled: true };
    const discFile =
      disc === undefined ? undefined : { hex: disc.digest.hex, path: join(downloadDirectory, disc.digest.hex) };
    return await publishFinished(installerPath, files, discFile, { ...facts, serial, ...isBundled }, mayReplace);
  }
  const request = { tree, arch, release, workDir, packages, onProgress, signal, mayReplace };
  return await publishInstaller(request, {
    ...files,
    debianRelease: base,
    hasPackages: os === OS_WITH_PACKAGES,
    facts,
  });
}

async function publishFinished(
  directory: string,
  { kernel, initrd, stored }: InstallerFiles,
  disc: { readonly hex: string; readonly path: string } | undefined,
  facts: Readonly<Record<string, unknown>>,
  mayReplace: ReplacementCheck,
): Promise<Publication> {
  const images = [
    { name: 'linux', data: kernel, storedPath: stored?.kernel },
    { name: 'initrd.gz', data: initrd, storedPath: stored?.initrd },
  ];
  const discFiles =
    disc === undefined
      ? []
      : [{ name: DISC, storedPath: disc.path, bytes: (await stat(disc.path)).size, sha256: disc.hex }];
  const files = [...images.map(describeFile), ...discFiles.map(({ storedPath: _, ...file }) => file)];
  const manifest = encodeManifest({ schema: 1, ...facts, packages: [], files });
  await publishInstallerFiles(directory, [...images, ...discFiles], manifest, mayReplace);
  return { directory, files: [...files, describeFile(manifest)] };
}
