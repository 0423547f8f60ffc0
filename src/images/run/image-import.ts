// Imports an offered image: downloads it, converts it, and adds it to the store.
//
//   present? ─▶ hold the file ─▶ imported under another name? ─▶ manifest
//                                       │ no
//                                       ▼
//                                    download ─┬─ verified ─▶ add (image-adding.ts) ─▶ manifest ─▶ remove the download
//                                              └─ failed ─▶ the part stays: the next import continues from it
//
// 1. Nothing appears in the store until the whole file has its published checksum.
// 2. However an import ends, the next import of the same file continues the download. Only a
//    finished or a refused import removes the download.
// 3. Before the download, the disk must have room for the file and for the image. A stopped import
//    ends within a second.
// 4. Only a verified file is read.
// 5. An import never falls back to an older version of the same source. Older means an older serial
//    or, without serials, a file that the source delivered before.
// 6. A file that is no disk image, or whose system no machine could start (image-system.ts), is
//    refused, and remembered (refusals.ts).

import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { composeOwnEntryPath } from '../../files/own-names.ts';
import { shellWord } from '../../ground/clean-text.ts';
import { RackError } from '../../ground/errors.ts';
import { type AddResult, addImage, checkImageCount, publishStored } from '../content/image-adding.ts';
import { bytesOfFile } from '../content/image-file.ts';
import { judgeSystem, type SystemFacts, SystemInspector } from '../content/image-system.ts';
import { removeDownload } from '../download/part-file.ts';
import type { DownloadRequest } from '../download/request.ts';
import {
  formatImportedContentKey,
  formatOfferContentKey,
  type ImageOffer,
  isImportedFrom,
  offerName,
} from '../sources/offer.ts';
import { prepareSeenRecord, readDocumentRecord } from '../sources/seen-documents.ts';
import { holdFiles } from '../store/held-files.ts';
import { sweepBlobs } from '../store/image-removal.ts';
import {
  blobPath,
  compareImages,
  formatImageName,
  hasBlob,
  isSameName,
  readImages,
  type StoredImage,
} from '../store/image-store.ts';
import { makeDirectories, publishFile } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';
import { judgeBlob, openStored } from '../store/stored-blob.ts';
import { buildDownload, getLockPath, type ImportOptions } from './file-fetch.ts';
import { readRefusal, recordRefusal } from './refusals.ts';
import type { RootFacts } from './root-check.ts';
import { importSystem } from './system-import.ts';

// The order in which a source delivered the files of an image whose versions have no serial:
//
//   TREE/images/.seen/HASH.json     source and name of the image, and the hashes of its last FILES_MAX contents, the latest last

const FILES_MAX = 64;

const formatImportName = (offer: ImageOffer): string => `${offer.source} ${offerName(offer)} ${offer.label}`;
const hashText = (content: string): string => createHash('sha256').update(content).digest('hex');

async function recordDelivery(tree: string, offer: ImageOffer): Promise<void> {
  const name = formatImportName(offer);
  const ownHash = hashText(formatOfferContentKey(offer));
  try {
    const files = [...readDeliveries(tree, name).filter((file) => file !== ownHash), ownHash].slice(-FILES_MAX);
    const path = await prepareSeenRecord(tree, name);
    await publishFile(path, Buffer.from(`${JSON.stringify({ name, files })}\n`, 'utf8'));
  } catch (error) {
    throw asStoreError(error, tree);
  }
}

/**
 * True if the source delivered the files of an offer, and then others.
 * @param content of those others, from `formatOfferContentKey`
 */
function wasDeliveredBefore(tree: string, offer: ImageOffer, content: string): boolean {
  const files = readDeliveries(tree, formatImportName(offer));
  const index = files.indexOf(hashText(formatOfferContentKey(offer)));
  return index !== -1 && files.indexOf(hashText(content)) > index;
}

const readDeliveries = (tree: string, name: string): readonly string[] =>
  readDocumentRecord(tree, name, z.object({ name: z.literal(name), files: z.array(z.string()) }))?.files ?? [];

const FILE_BYTES_MAX = 64 * 1024 ** 3;

/** The refused use of a file if an image with other bytes has the same name and serial. */
const TAKEN_BY_OTHER_IMAGE = 'another image';

export interface ImportResult {
  readonly image: StoredImage;
  readonly added: boolean;
  /**
   * The findings about a disk image. Undefined if the bytes were already in the store, or are not a
   * disk image.
   */
  readonly system: SystemFacts | undefined;
  /** The findings about a downloaded root. Undefined if nothing is known of it. */
  readonly root?: RootFacts | undefined;
}

/**
 * Imports an image.
 *
 * @throws RackError `source-failed` if no attempt delivered the file, or the store has a newer one
 * of the same source, `cancelled`, `already-running` if another work needs this file,
 * `bad-argument` if its content was refused, now or by an earlier import, and those of `addImage`
 */
export async function importImage(offer: ImageOffer, options: ImportOptions): Promise<ImportResult> {
  try {
    const result = await importMissingImage(offer, options);
    if (offer.serial === undefined && result.added && options.isCopy !== true)
      await recordDelivery(options.tree, offer);
    return result;
  } catch (error) {
    throw asStoreError(error, join(options.tree, 'images'));
  }
}

function refuseOlder(offer: ImageOffer, { tree, isCopy }: ImportOptions): void {
  const { serial, source } = offer;
  if (isCopy === true) return;
  const sameNameImages = readImages(tree).images.filter((image) => isSameName(image, offer));
  // An image that already exists may be imported again, to publish it again or to restore its lost bytes.
  const isSameImport = (image: StoredImage): boolean =>
    isImportedFrom(image, offer) || (image.serial === serial && hasBlob(tree, image));
  if (sameNameImages.some(isSameImport)) return;
  const isNewer = (image: StoredImage): boolean =>
    serial === undefined
      ? wasDeliveredBefore(tree, offer, formatImportedContentKey(image) ?? '')
      : compareImages(image, { ...offer, serial }) < 0;
  const newer = sameNameImages.find(
    (image) => image.origin?.source === source && hasBlob(tree, image) && isNewer(image),
  );
  if (newer === undefined) return;
  const remedy = `a mirror may be behind, or serve old documents; if the site has withdrawn the newer one, remove it: rackboot images remove ${formatImageName(newer)}`;
  const offeredText = serial ?? 'a file again that it delivered before';
  const why = `${source} now offers ${offeredText}, but the newer ${newer.serial} from it is already here`;
  throw new RackError('source-failed', `${offerName(offer)} was not imported: ${why}; ${remedy}`);
}

async function importMissingImage(offer: ImageOffer, options: ImportOptions): Promise<ImportResult> {
  const { tree } = options;
  refuseOlder(offer, options);
  if (offer.system !== undefined) {
    return { ...(await importSystem(offer, offer.system, options)), system: undefined };
  }
  const { bundle } = options;
  const isPresent = (image: StoredImage): boolean =>
    isImportedFrom(image, offer) || (bundle !== undefined && isAddedAsPublished(image, offer));
  const present = readImages(tree).images.find(isPresent);
  if (present !== undefined && hasBlob(tree, present)) return { image: present, added: false, system: undefined };
  const { os, release, architecture, subarchitecture, label, serial } = offer;
  checkImageCount(tree, { os, release, architecture, subarchitecture, label, serial });
  const directory = composeOwnEntryPath(tree, '.downloads');
  await makeDirectories(directory);
  const request: DownloadRequest = {
    ...buildDownload(offer.files[0], offerName(offer), directory, FILE_BYTES_MAX),
    isConverted: true,
  };
  const lock = holdFiles([getLockPath(request)], offerName(offer));
  try {
    const twin = await publishImportedFile(offer, options);
    if (twin !== undefined) return { ...twin, system: undefined };
    const why = options.isCopy === true ? undefined : readRefusal(request, offer.architecture);
    if (why !== undefined) throw buildRefusedError(offer, why);
    refuseIfTaken(offer, request, tree);
    // Unfinished images of killed imports must not take the space that this import needs.
    await sweepBlobs(tree, options.nowMs, new Set());
    const { image, added, system } = await addDownloaded(offer, request, options);
    await removeDownload(request);
    return { image, added, system };
  } finally {
    lock.release();
  }
}

function refuseIfTaken(offer: ImageOffer, request: DownloadRequest, tree: string): void {
  const why = readRefusal(request, TAKEN_BY_OTHER_IMAGE);
  const isSameVersion = (image: StoredImage): boolean =>
    isSameName(image, offer) && image.serial === offer.serial && hasBlob(tree, image);
  if (why !== undefined && readImages(tree).images.some(isSameVersion))
    throw new RackError('already-exists', `${offerName(offer)} was not imported: ${why}`);
}

/**
 * True if a person added the published file under the offered name. An image under another name was
 * never checked as a system (`judgeSystem`).
 */
function isAddedAsPublished(image: StoredImage, offer: ImageOffer): boolean {
  const [{ digest }] = offer.files;
  const isSameVersion = isSameName(image, offer) && image.serial === offer.serial;
  return isSameVersion && digest.algorithm === 'sha256' && image.sha256 === digest.hex;
}

/** Publishes an image whose file was imported under another name. @returns undefined if there is none */
async function publishImportedFile(
  offer: ImageOffer,
  { tree, nowMs, isCopy = false }: ImportOptions,
): Promise<Pick<ImportResult, 'image' | 'added'> | undefined> {
  const { os, release, architecture, subarchitecture, label, serial, title, source } = offer;
  const [{ digest }] = offer.files;
  // A copy is stored unchanged, so its bytes differ from those of an import.
  const importedImage = isCopy
    ? undefined
    : readImages(tree).images.find(
        (image) =>
          (image.origin?.hex === digest.hex || isAddedAsPublished(image, offer)) &&
          image.system === undefined &&
          image.architecture === architecture &&
          hasBlob(tree, image),
      );
  if (importedImage === undefined) return undefined;
  const { sha256, bytes, format, diskBytes, partitionTable, signs } = importedImage;
  const { kind } = await judgeBlob(tree, { path: blobPath(sha256, format), sha256, bytes }, { renewsTime: true });
  if (kind !== 'whole') return undefined;
  const name = { os, release, architecture, subarchitecture, label, serial };
  const origin = { source, ...digest };
  return publishStored(
    { tree, nowMs },
    { ...name, title, sha256, bytes, format, diskBytes, partitionTable, signs, origin },
  );
}

type AddedDownload = AddResult & { readonly system: SystemFacts };

async function addDownloaded(
  offer: ImageOffer,
  request: DownloadRequest,
  options: ImportOptions,
): Promise<AddedDownload> {
  const { tree, nowMs, isCopy, bundle, downloads, signal } = options;
  await downloads.fetch(request, options);
  const { os, release, architecture, subarchitecture, label, serial, title, source } = offer;
  const [{ digest, url }] = offer.files;
  const inspector = new SystemInspector(architecture);
  let refusal: RackError | undefined;
  const file = await openStored(join(request.directory, request.name));
  try {
    const fileName = basename(new URL(url).pathname);
    const added = await addImage({
      tree,
      file: { ...(await bytesOfFile(file, fileName)), safeHandle: file },
      fileName,
      name: { os, release, architecture, subarchitecture, label, serial },
      title,
      compress: isCopy === true ? undefined : true,
      nowMs,
      signal,
      onProgress: () => undefined,
      ...(bundle === undefined ? { origin: { source, ...digest } } : { bundle }),
      onDisk: (piece) => inspector.inspect(piece),
      signs: () => inspector.signs(),
      whenVerified: async () => {
        const unfit = isCopy === true ? undefined : judgeSystem(inspector.facts(), architecture);
        if (unfit === undefined) return;
        refusal = await recordRefusedContent(offer, request, `${unfit}; ${describeAddRemedy(offer)}`);
        throw refusal;
      },
    });
    return { ...added, system: inspector.facts() };
  } catch (error) {
    if (error instanceof RackError && error.code === 'already-exists') {
      // Otherwise each import would download the file again, only to be refused again.
      await recordRefusal(request, { as: TAKEN_BY_OTHER_IMAGE, why: error.message });
      await removeDownload(request);
      throw new RackError(error.code, `${offerName(offer)} was not imported: ${error.message}`, { cause: error });
    }
    if (error === refusal || !(error instanceof RackError && error.code === 'bad-argument')) throw error;
    // An error with a cause comes from a failed program or expansion, so another attempt may succeed.
    if (error.cause === undefined) throw await recordRefusedContent(offer, request, error.message);
    throw buildRefusedError(offer, error.message, error);
  } finally {
    await file.close();
  }
}

/** Remembers why the content of a verified file is refused, and removes it. */
async function recordRefusedContent(offer: ImageOffer, request: DownloadRequest, why: string): Promise<RackError> {
  await recordRefusal(request, { as: offer.architecture, why });
  await removeDownload(request);
  return buildRefusedError(offer, why);
}

function describeAddRemedy({ files: [{ url }], os, release, architecture }: ImageOffer): string {
  const args = ['--os', os, '--release', release, '--arch', architecture].map(shellWord).join(' ');
  return `to add it nevertheless, fetch ${url}, then: rackboot images add ${shellWord(basename(new URL(url).pathname))} ${args}`;
}

const buildRefusedError = (offer: ImageOffer, why: string, cause?: RackError): RackError =>
  new RackError('bad-argument', `${offerName(offer)} was not imported: ${why}`, { cause });
