// Imports the root file system of a system with its kernel and initrd. Each file is downloaded,
// verified, moved into the store, and linked into the boot tree (system-tree.ts).
//
//   each file ─▶ in the store? ─▶ hold, download and verify ─▶ move into the store ─▶ manifest ─▶ boot tree ─▶ remove older images
//
// 1. A system becomes visible only when all its files are in the store. Systems of one stream share
//    files: the import that holds a file downloads it, and each that finds it verifies it again.
// 2. A root that is incomplete, or not of a system, is refused (root-check.ts), and remembered (refusals.ts).
// 3. Its progress is that of all its files, including those already in the store.

import { chmod, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ownPlace } from '../../files/own-names.ts';
import { seenEntry } from '../../files/seen-stats.ts';
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
import { judgeSystemName, type RootFormat, type SystemFile, subarchesIn } from '../store/stored-system.ts';
import { checkSystemPlace, refreshTree } from '../store/system-tree.ts';
import { buildDownload, heldBy, type ImportOptions } from './file-fetch.ts';
import { FilesProgress } from './files-progress.ts';
import { noteRefusal, readRefusal } from './refusals.ts';
import {
  inspectRoot,
  isRoot,
  ROOT_BYTES_MAX,
  ROOT_HEAD_BYTES,
  type RootFacts,
  RootFault,
  rootDiskBytes,
} from './root-check.ts';

/** The largest kernel, initrd or manifest; the initrd of Ubuntu 22.04 has 116 MB. */
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
  const [{ digest, name: rootName }, ...further] = offer.files;
  const name = { os, release, architecture, subarchitecture, label, serial: offer.serial };
  const wrong = judgeImageName(name) ?? judgeSystemName(os);
  if (wrong !== undefined) throw new RackError('bad-argument', `${offerName(offer)} was not imported: ${wrong}`);
  const from = bundle === undefined ? { origin: { source, ...digest } } : { bundle };
  const files = further.map((file) => ({ name: file.name, sha256: file.digest.hex }));
  const { images } = readImages(tree);
  const present = images.find((image) => isSameSystem(image, name, digest.hex, files));
  // The facts of an image without an origin, as in a bundle, are not trusted: its files are
  // verified, and its manifest is replaced.
  if (present !== undefined && (present.origin ?? bundle) !== undefined && hasBlob(tree, present)) {
    await refreshTree(tree, [present]);
    return { image: present, added: false, root: undefined };
  }
  const serialAmong = (stored: readonly StoredImage[]): string => {
    const others = stored.filter((image) => isSameName(image, name) && !isSameSystem(image, name, digest.hex, files));
    return present?.serial ?? serialFor(offer, { tree, nowMs, name, ...from }, others);
  };
  // A serial that is taken costs no download.
  serialAmong(images);
  checkImageCount(tree, name);
  checkSystemPlace(tree, { ...name, system });
  await makeDirectories(ownPlace(tree, '.downloads'));
  const root = buildWantedRoot(offer, system, options);
  const others = further.map((file) => buildWantedFile(file, offerName(offer), tree));
  const progress = new FilesProgress(sumOfferBytes(offer));
  for (const file of [...others, root]) {
    const bytes = storedBytes(file, tree);
    if (bytes !== undefined) progress.present(file.name, bytes);
  }
  const stored: SystemFile[] = [];
  for (const file of others) {
    stored.push({ name: file.name, sha256: file.digest.hex, bytes: await storeFile(file, options, progress) });
  }
  const rootBytes = await storeFile(root, options, progress);
  const withoutSerial: Omit<StoredImage, 'serial'> = {
    ...name,
    title,
    sha256: digest.hex,
    bytes: rootBytes,
    format: root.format,
    diskBytes: rootDiskBytes(rootBytes),
    partitionTable: 'none',
    system: {
      subarch: system.subarch,
      subarches: subarchesIn(offer.subarches ?? [system.subarch]),
      rootName,
      files: stored,
    },
    ...from,
  };
  const image = await publishImage(tree, (stored) => ({ ...withoutSerial, serial: serialAmong(stored) }));
  await refreshTree(tree, [image]);
  return { image, added: true, root: root.facts() };
}

/** As `chooseSerial`, but the error names the offer. */
function serialFor(offer: ImageOffer, ...wish: Parameters<typeof chooseSerial>): string {
  try {
    return chooseSerial(...wish);
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

interface WantedFile {
  /** In the boot tree. */
  readonly name: string;
  readonly digest: Digest;
  readonly request: DownloadRequest;
  /** In the tree. */
  readonly path: string;
  /** Throws if the file cannot be used. */
  readonly check?: (downloaded: string) => Promise<void>;
}

function buildWantedFile(file: OfferedFile, title: string, tree: string): WantedFile {
  const { name, digest } = file;
  const request = buildDownload(file, title, ownPlace(tree, '.downloads'), FILE_BYTES_MAX);
  return { name, digest, request, path: blobPath(digest.hex, 'file') };
}

function buildWantedRoot(
  offer: ImageOffer,
  { kind }: OfferedSystem,
  { tree, isCopy }: ImportOptions,
): WantedFile & { readonly format: RootFormat; readonly facts: () => RootFacts | undefined } {
  const format: RootFormat = kind === 'squashfs' ? 'squashfs' : kind === 'root-image' ? 'root.gz' : 'root.tar';
  const [file] = offer.files;
  const { name: rootName, digest } = file;
  const refuse = (why: string): never => {
    const remedy = 'report it to the operators of its source';
    throw new RackError('bad-argument', `${offerName(offer)} was not imported: ${why}; ${remedy}`);
  };
  const directory = ownPlace(tree, '.downloads');
  const request = buildDownload(file, offerName(offer), directory, ROOT_BYTES_MAX);
  const refused = readRefusal(request, format);
  if (refused !== undefined) refuse(refused);
  let facts: RootFacts | undefined;
  const check = async (downloaded: string): Promise<void> => {
    if (!isRoot(format, await readHead(downloaded))) return await forget(`its ${rootName} does not begin like one`);
    if (isCopy === true) return;
    const file = await open(downloaded, 'r');
    try {
      facts = await inspectRoot(await bytesOfFile(file, rootName), format);
    } catch (error) {
      if (!(error instanceof RootFault)) throw error;
      await forget(`its ${rootName} cannot be used: ${error.why}`);
    } finally {
      await file.close();
    }
  };
  const forget = async (why: string): Promise<void> => {
    await noteRefusal(request, { as: format, why });
    await removeDownload(request);
    refuse(why);
  };
  return { name: rootName, digest, request, path: blobPath(digest.hex, format), check, format, facts: () => facts };
}

function storedBytes({ path, request }: WantedFile, tree: string): number | undefined {
  const stats = seenEntry(join(tree, path));
  const { bytes } = request;
  if (stats?.isFile() !== true || stats.size === 0 || (bytes !== undefined && stats.size !== bytes)) return undefined;
  return stats.size;
}

/** Holds the file, and downloads it unless the store has its bytes. @returns its size in bytes */
async function storeFile(
  file: WantedFile,
  { tree, downloads, signal, onState }: ImportOptions,
  progress: FilesProgress,
): Promise<number> {
  const { name, digest, request, path, check } = file;
  const { title } = request;
  const lock = holdFiles([heldBy(request)], title);
  try {
    const wanted = { path, sha256: digest.hex };
    const blob = await judgeBlob(tree, { ...wanted, bytes: request.bytes }, { isForUse: true });
    if (blob.kind === 'whole' && blob.bytes > 0) return blob.bytes;
    await downloads.fetch(request, { signal, onState: (state) => onState?.(progress.stateOf(name, state), request) });
    const downloaded = join(request.directory, request.name);
    await check?.(downloaded);
    await chmod(downloaded, 0o644);
    const { size } = await stat(downloaded);
    if (size > 0) await replaceBlob(tree, wanted, downloaded, 'rename');
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
