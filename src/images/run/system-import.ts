// Imports the root file system of a system with its kernel and initrd. Each file is downloaded,
// verified, moved into the store, and linked into the boot tree (system-tree.ts).
//
//   each file ─▶ in the store? ─▶ hold, download and verify ─▶ move into the store ─▶ manifest ─▶ boot tree ─▶ remove older images
//
// 1. A system becomes visible only when all its files are in the store. Systems of one stream share
//    files: the import that has locked a file downloads it, and every import that finds it in the
//    store verifies it again.
// 2. A root that is incomplete, or not of a system, is refused (root-check.ts), and remembered (refusals.ts).
// 3. The progress counts all files of the system, including those already in the store.

import { chmod, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { composeOwnEntryPath } from '../../files/own-names.ts';
import { statLinkIfVisible } from '../../files/seen-stats.ts';
import { viewBytes } from '../../ground/borrowed-bytes.ts';
import { RackError } from '../../ground/errors.ts';
import { checkImageCount, chooseSerial, publishImage } from '../content/image-adding.ts';
import { bytesOfFile } from '../content/image-file.ts';
import { removeDownload } from '../download/part-file.ts';
import type { Digest, DownloadRequest } from '../download/request.ts';
import { type ImageOffer, type OfferedFile, type OfferedSystem, offerName, sumOfferBytes } from '../sources/offer.ts';
import { holdFiles } from '../store/held-files.ts';
import { blobPath, hasBlob, isSameName, judgeImageName, readImages, type StoredImage } from '../store/image-store.ts';
import { makeDirectories } from '../store/publication.ts';
import { judgeBlob, replaceBlob } from '../store/stored-blob.ts';
import { filterSubarches, judgeSystemName, type RootFormat, type SystemFile } from '../store/stored-system.ts';
import { checkLinkPaths, refreshTree } from '../store/system-tree.ts';
import { buildDownload, getLockPath, type ImportOptions } from './file-fetch.ts';
import { FilesProgress } from './files-progress.ts';
import { readRefusal, recordRefusal } from './refusals.ts';
import {
  estimateRootDiskBytes,
  inspectRoot,
  isRoot,
  ROOT_BYTES_MAX,
  ROOT_HEAD_BYTES,
  type RootFacts,
  RootFault,
} from './root-check.ts';

/** The largest kernel, initrd or manifest. The initrd of Ubuntu 22.04 has 116 MB. */
const FILE_BYTES_MAX = 1024 * 1024 * 1024;

/**
 * Imports a system.
 * @throws RackError `source-failed`, `cancelled`, `already-running`, `bad-argument` for a root or
 * names that cannot be used, `already-exists` if its serial exists with other files that another
 * source, a person or a bundle brought, `limit-reached` if the store is full
 */
export async function importSystem(
  offer: ImageOffer,
  system: OfferedSystem,
  options: ImportOptions,
): Promise<{ readonly image: StoredImage; readonly added: boolean; readonly root: RootFacts | undefined }> {
  const { tree, nowMs, bundle } = options;
  const { os, release, architecture, subarchitecture, label, title, source } = offer;
  const [{ digest, name: rootName }, ...otherFiles] = offer.files;
  const name = { os, release, architecture, subarchitecture, label, serial: offer.serial };
  const problem = judgeImageName(name) ?? judgeSystemName(os);
  if (problem !== undefined) throw new RackError('bad-argument', `${offerName(offer)} was not imported: ${problem}`);
  const provenance = bundle === undefined ? { origin: { source, ...digest } } : { bundle };
  const files = otherFiles.map((file) => ({ name: file.name, sha256: file.digest.hex }));
  const { images } = readImages(tree);
  const present = images.find((image) => isSameSystem(image, name, digest.hex, files));
  // An image without an origin, such as one of a bundle, is not trusted. Its files are verified,
  // and its manifest is replaced.
  if (present !== undefined && (present.origin ?? bundle) !== undefined && hasBlob(tree, present)) {
    await refreshTree(tree, [present]);
    return { image: present, added: false, root: undefined };
  }
  const chooseSerialAmong = (stored: readonly StoredImage[]): string => {
    const otherSystems = stored.filter(
      (image) => isSameName(image, name) && !isSameSystem(image, name, digest.hex, files),
    );
    return present?.serial ?? chooseSerialForOffer(offer, { tree, nowMs, name, ...provenance }, otherSystems);
  };
  // A serial that is already taken is found before anything is downloaded.
  chooseSerialAmong(images);
  checkImageCount(tree, name);
  checkLinkPaths(tree, { ...name, system });
  await makeDirectories(composeOwnEntryPath(tree, '.downloads'));
  const root = buildRootImport(offer, system, options);
  const startFiles = otherFiles.map((file) => buildFileImport(file, offerName(offer), tree));
  const progress = new FilesProgress(sumOfferBytes(offer));
  for (const file of [...startFiles, root]) {
    const bytes = measureStoredFile(file, tree);
    if (bytes !== undefined) progress.addPresent(file.name, bytes);
  }
  const storedFiles: SystemFile[] = [];
  for (const file of startFiles) {
    storedFiles.push({ name: file.name, sha256: file.digest.hex, bytes: await storeFile(file, options, progress) });
  }
  const rootBytes = await storeFile(root, options, progress);
  const withoutSerial: Omit<StoredImage, 'serial'> = {
    ...name,
    title,
    sha256: digest.hex,
    bytes: rootBytes,
    format: root.format,
    diskBytes: estimateRootDiskBytes(rootBytes),
    partitionTable: 'none',
    system: {
      subarch: system.subarch,
      subarches: filterSubarches(offer.subarches ?? [system.subarch]),
      rootName,
      files: storedFiles,
    },
    ...provenance,
  };
  const image = await publishImage(tree, (stored) => ({ ...withoutSerial, serial: chooseSerialAmong(stored) }));
  await refreshTree(tree, [image]);
  return { image, added: true, root: root.facts() };
}

/** Does the same as `chooseSerial`, but the error names the offer. */
function chooseSerialForOffer(offer: ImageOffer, ...args: Parameters<typeof chooseSerial>): string {
  try {
    return chooseSerial(...args);
  } catch (error) {
    if (!(error instanceof RackError)) throw error;
    throw new RackError(error.code, `${offerName(offer)} was not imported: ${error.message}`, { cause: error });
  }
}

function isSameSystem(
  image: StoredImage,
  name: Parameters<typeof isSameName>[1] & { readonly serial: string | undefined },
  hex: string,
  files: readonly { readonly name: string; readonly sha256: string }[],
): boolean {
  const storedFiles = image.system?.files ?? [];
  return (
    isSameName(image, name) &&
    image.serial === (name.serial ?? image.serial) &&
    image.sha256 === hex &&
    storedFiles.length === files.length &&
    files.every((file) => storedFiles.some(({ name: other, sha256 }) => other === file.name && sha256 === file.sha256))
  );
}

interface SystemFileImport {
  /** The name in the boot tree. */
  readonly name: string;
  readonly digest: Digest;
  readonly request: DownloadRequest;
  /** The path in the tree. */
  readonly path: string;
  /** Throws if the file cannot be used. */
  readonly check?: (downloaded: string) => Promise<void>;
}

function buildFileImport(file: OfferedFile, title: string, tree: string): SystemFileImport {
  const { name, digest } = file;
  const request = buildDownload(file, title, composeOwnEntryPath(tree, '.downloads'), FILE_BYTES_MAX);
  return { name, digest, request, path: blobPath(digest.hex, 'file') };
}

function buildRootImport(
  offer: ImageOffer,
  { kind }: OfferedSystem,
  { tree, isCopy }: ImportOptions,
): SystemFileImport & { readonly format: RootFormat; readonly facts: () => RootFacts | undefined } {
  const format: RootFormat = kind === 'squashfs' ? 'squashfs' : kind === 'root-image' ? 'root.gz' : 'root.tar';
  const [file] = offer.files;
  const { name: rootName, digest } = file;
  const refuse = (why: string): never => {
    const remedy = 'report it to the operators of its source';
    throw new RackError('bad-argument', `${offerName(offer)} was not imported: ${why}; ${remedy}`);
  };
  const directory = composeOwnEntryPath(tree, '.downloads');
  const request = buildDownload(file, offerName(offer), directory, ROOT_BYTES_MAX);
  const earlierRefusal = readRefusal(request, format);
  if (earlierRefusal !== undefined) refuse(earlierRefusal);
  let facts: RootFacts | undefined;
  const check = async (downloaded: string): Promise<void> => {
    if (!isRoot(format, await readHead(downloaded)))
      return await recordAndRefuse(`its ${rootName} does not begin like one`);
    if (isCopy === true) return;
    const file = await open(downloaded, 'r');
    try {
      facts = await inspectRoot(await bytesOfFile(file, rootName), format);
    } catch (error) {
      if (!(error instanceof RootFault)) throw error;
      await recordAndRefuse(`its ${rootName} cannot be used: ${error.why}`);
    } finally {
      await file.close();
    }
  };
  const recordAndRefuse = async (why: string): Promise<void> => {
    await recordRefusal(request, { as: format, why });
    await removeDownload(request);
    refuse(why);
  };
  return { name: rootName, digest, request, path: blobPath(digest.hex, format), check, format, facts: () => facts };
}

function measureStoredFile({ path, request }: SystemFileImport, tree: string): number | undefined {
  const stats = statLinkIfVisible(join(tree, path));
  const { bytes } = request;
  if (stats?.isFile() !== true || stats.size === 0 || (bytes !== undefined && stats.size !== bytes)) return undefined;
  return stats.size;
}

/** Locks a file, and downloads it unless the store has its bytes. @returns its size in bytes */
async function storeFile(
  file: SystemFileImport,
  { tree, downloads, signal, onState }: ImportOptions,
  progress: FilesProgress,
): Promise<number> {
  const { name, digest, request, path, check } = file;
  const { title } = request;
  const lock = holdFiles([getLockPath(request)], title);
  try {
    const location = { path, sha256: digest.hex };
    const blob = await judgeBlob(tree, { ...location, bytes: request.bytes }, { renewsTime: true });
    if (blob.kind === 'whole' && blob.bytes > 0) return blob.bytes;
    await downloads.fetch(request, {
      signal,
      onState: (state) => onState?.(progress.updateState(name, state), request),
    });
    const downloaded = join(request.directory, request.name);
    await check?.(downloaded);
    await chmod(downloaded, 0o644);
    const { size } = await stat(downloaded);
    if (size > 0) await replaceBlob(tree, location, downloaded, 'rename');
    await removeDownload(request);
    if (size > 0) return size;
    throw new RackError('bad-argument', `${title} was not imported: ${request.urls.join(', ')} is empty`);
  } finally {
    lock.release();
  }
}

async function readHead(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(ROOT_HEAD_BYTES);
    const { bytesRead } = await file.read(head, 0, ROOT_HEAD_BYTES, 0);
    return viewBytes(head, 0, bytesRead);
  } finally {
    await file.close();
  }
}
