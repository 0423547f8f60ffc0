// Imports an offered installer: downloads and verifies kernel and initrd, adds drivers and
// publishes them. The finished installer of another Rackboot is published as it is.
//
// 1. Nothing appears in the tree before both files match a trusted list, signed or fetched by HTTPS.
// 2. Both files are held until the end.
// 3. The next import continues an interrupted download. Only a finished import removes the files.
// 4. Several may download at a time; one at a time adds drivers.
// 5. Unchanged bytes are linked from the download: they need no room twice.

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ownPlace } from '../../files/own-names.ts';
import { RackError } from '../../ground/errors.ts';
import { checkNames, type EnvironmentRequest, type Publication } from '../build/environment.ts';
import { type InstallerFiles, publishInstaller } from '../build/installer.ts';
import { publishInstallerFiles } from '../build/installer-files.ts';
import { removeDownload } from '../download/part-file.ts';
import { type InstallerOffer, listDigests, offerName } from '../sources/offer.ts';
import type { ReplacementCheck } from '../store/directory-publication.ts';
import { holdFiles } from '../store/held-files.ts';
import { assertOwnStore } from '../store/image-store.ts';
import { OneAtATime } from '../store/one-at-a-time.ts';
import { describeFile, encodeManifest, makeDirectories } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';
import { buildDownload, type FetchOptions, heldBy } from './file-fetch.ts';
import { assertReplaceable, findPart, installerDirectory, replaceable } from './tree-parts.ts';

/** Both are read into memory; Debian's have at most 50 MB. */
const FILE_BYTES_MAX = 512 * 1024 * 1024;
const DISC = 'installer.iso';
const DISC_BYTES_MAX = 32 * 1024 ** 3;
/** A Debian host's apt can fetch its packages for any release. */
const WITH_PACKAGES = 'debian';

/** One work at a time: each may take 1 GiB of memory, and two cannot use the package manager. */
const turns = new OneAtATime();
/** Checks do not wait for the package manager. */
const checks = new OneAtATime();

/** The options of an import. */
interface InstallerImportOptions
  extends FetchOptions,
    Pick<EnvironmentRequest, 'tree' | 'workDir' | 'packages' | 'onProgress'> {
  readonly bundle?: string | undefined;
  /** True: an undamaged installer from the same files stays. Default: false */
  readonly mayStay?: boolean | undefined;
  /** Both files have arrived: the import needs no server, but may wait for its turn. */
  readonly onTurn?: (() => void) | undefined;
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
  const fetched = listDigests(offer);
  const place = join(tree, installerDirectory(offer));
  const present = options.mayStay === true ? await checks.do(() => findPart(place, fetched), signal) : undefined;
  if (present !== undefined) return { directory: place, ...present, added: false };
  assertOwnStore(tree);
  assertReplaceable(tree, installerDirectory(offer), os);
  const directory = ownPlace(tree, '.downloads');
  await makeDirectories(directory);
  // The initrd is written again, with drivers.
  const isConverted = offer.isPrebuilt !== true && (os === WITH_PACKAGES || options.packages !== undefined);
  const all = offer.files.map((file) => ({
    ...buildDownload(file, offerName(offer), directory, file.name === DISC ? DISC_BYTES_MAX : FILE_BYTES_MAX),
    mirrorKey: offer.mirrorKey,
    isConverted: isConverted && file.name === 'initrd.gz',
  }));
  // One file may be both.
  const requests = [...new Map(all.map((request) => [request.name, request])).values()];
  const lock = holdFiles(requests.map(heldBy), offerName(offer));
  try {
    // The files are downloaded concurrently, so that both sizes are known early, and held until
    // neither is written.
    const ends = await Promise.allSettled(requests.map((request) => options.downloads.fetch(request, options)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    options.onTurn?.();
    const made = await turns.do(async () => {
      const published = await publishFetched(offer, options, { place, directory, fetched });
      for (const file of requests) await removeDownload(file);
      const part = await findPart(place, fetched);
      return part === undefined ? undefined : { ...published, serial: part.serial };
    }, signal);
    if (made === undefined)
      throw new RackError('not-found', `${offerName(offer)} was removed while it was imported: import it again`);
    return { ...made, added: true };
  } finally {
    lock.release();
  }
}

interface FetchedFiles {
  /** Of the installer. */
  readonly place: string;
  /** Of the downloads. */
  readonly directory: string;
  /** Of kernel and initrd. */
  readonly fetched: readonly string[];
}

/** Adds drivers unless another Rackboot has. */
async function publishFetched(
  offer: InstallerOffer,
  { tree, workDir, packages, onProgress, signal, bundle }: InstallerImportOptions,
  { place, directory, fetched }: FetchedFiles,
): Promise<Publication> {
  const { os, release, base, title, architecture: arch, source, serial } = offer;
  const [kernel, initrd, disc] = offer.files;
  if (initrd === undefined) throw new Error('an installer has a kernel and an initrd');
  const stored = { kernel: join(directory, kernel.digest.hex), initrd: join(directory, initrd.digest.hex) };
  const files = { kernel: await readFile(stored.kernel), initrd: await readFile(stored.initrd), stored };
  const facts = { os, release, base, title, source, kernel_url: kernel.url, initrd_url: initrd.url, fetched };
  const mayReplace = replaceable(tree, os);
  if (offer.isPrebuilt === true) {
    const isBundled = bundle === undefined ? {} : { isBundled: true };
    const further = disc === undefined ? undefined : { hex: disc.digest.hex, path: join(directory, disc.digest.hex) };
    return await publishFinished(place, files, further, { ...facts, serial, ...isBundled }, mayReplace);
  }
  const request = { tree, arch, release, workDir, packages, onProgress, signal, mayReplace };
  return await publishInstaller(request, { ...files, base, hasPackages: os === WITH_PACKAGES, facts });
}

async function publishFinished(
  directory: string,
  { kernel, initrd, stored }: InstallerFiles,
  disc: { readonly hex: string; readonly path: string } | undefined,
  facts: Readonly<Record<string, unknown>>,
  mayReplace: ReplacementCheck,
): Promise<Publication> {
  const images = [
    { name: 'linux', data: kernel, stored: stored?.kernel },
    { name: 'initrd.gz', data: initrd, stored: stored?.initrd },
  ];
  const further =
    disc === undefined
      ? []
      : [{ name: DISC, stored: disc.path, bytes: (await stat(disc.path)).size, sha256: disc.hex }];
  const files = [...images.map(describeFile), ...further.map(({ stored: _, ...file }) => file)];
  const manifest = encodeManifest({ schema: 1, ...facts, packages: [], files });
  await publishInstallerFiles(directory, [...images, ...further], manifest, mayReplace);
  return { directory, files: [...files, describeFile(manifest)] };
}
