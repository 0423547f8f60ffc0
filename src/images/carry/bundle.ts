// A bundle: the simplestreams site of some images, boot loaders and installers (own-stream.ts) as
// one tar archive, for a host without the Internet.
//
//   rackboot-images-1                  the number of images, for people
//   streams/v1/index.json …            the documents
//   images/ab/HASH.img.zst, parts/…    each file that they name, once
//
//   import: archive ─▶ served at the loopback address ─▶ the importer of any site
//
// 1. The whole structure is checked first. A bundle that is cut short, or contains an unknown file,
//    adds nothing. One unusable image does not keep others out.
// 2. The documents are unsigned, because the person who imports a bundle vouches for it. Each file
//    must have its published checksum. The images have no origin. They count as added by hand until
//    a source delivers the same files.
// 3. Of boot loaders and installers, only older ones of another bundle are replaced.
// 4. No name in the archive becomes a path.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type FileHandle, lstat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { basename, dirname, join } from 'node:path';
import { composeOwnEntryPath } from '../../files/own-names.ts';
import { toFileFault } from '../../files/read-fault.ts';
import { viewBytes } from '../../ground/borrowed-bytes.ts';
import { cleanText } from '../../ground/clean-text.ts';
import type { Clock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { errorText, osErrorCode, RackError } from '../../ground/errors.ts';
import type { ImageBytes } from '../content/disk-image.ts';
import { decodeTarHeader, encodeTarHeader, paddedBytes, TAR_BLOCK_BYTES } from '../content/tar-header.ts';
import type { Downloads } from '../download/queue.ts';
import { importFirstItem } from '../run/import-item.ts';
import {
  findPart,
  formatRemovalName,
  getPartDirectory,
  hasAllFiles,
  readPresentPart,
  type TreePart,
} from '../run/tree-parts.ts';
import { decodeStreamProducts } from '../sources/decode-products.ts';
import { listDigests, type Offer, offerName, sumOfferBytes } from '../sources/offer.ts';
import { askSources } from '../sources/offers.ts';
import { describeStore } from '../sources/own-stream.ts';
import { compareSerials } from '../sources/serial.ts';
import { UNSIGNED_INDEX } from '../sources/source.ts';
import { decodeStreamIndex } from '../sources/stream-index.ts';
import {
  BUNDLE_CHARACTERS_MAX,
  formatImageName,
  hasBlob,
  IMAGES_MAX,
  type ImageBlob,
  listBlobs,
  type StoredImage,
} from '../store/image-store.ts';
import { openStored } from '../store/stored-blob.ts';
import { buildRegionSource } from './region-copy.ts';

const FIRST_NAME = 'rackboot-images-1';
/** The same bound as in `decodeStreamProducts`. */
const DOCUMENT_BYTES_MAX = 32 * 1024 * 1024;
const FILES_MAX = 300 * IMAGES_MAX;
const PIECE_BYTES = 1024 * 1024;
const MISSING_FILE_CODES: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO']);

export interface BundleContent {
  readonly images: readonly StoredImage[];
  readonly parts: readonly TreePart[];
}

/**
 * Writes images, boot loaders and installers into an open, empty file and syncs it.
 * @param nowMs wall time @param onProgress called with the written and all bytes of the bundle
 * @throws RackError `store-broken` if a content is damaged, as `fileFault`, `bad-argument` for what
 * no other host could import; the system's error if the file cannot be written
 */
export async function writeBundle(
  tree: string,
  { images, parts }: BundleContent,
  nowMs: number,
  target: FileHandle,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const { documents, files } = describeStore(images, nowMs, parts);
  const names = new Map<string, string>();
  // Missing files are found before gigabytes are written.
  for (const image of images) {
    if (!hasBlob(tree, image)) throw damagedError(formatImageName(image));
    for (const { path } of listBlobs(image)) names.set(path, formatImageName(image));
  }
  const describedHashes = new Set([...files.values()].map(({ sha256 }) => sha256));
  for (const part of parts) {
    if (!hasAllFiles(tree, part)) throw damagedError(formatRemovalName(part));
    if (!part.files.every(({ sha256 }) => describedHashes.has(sha256)))
      throw new RackError(
        'bad-argument',
        `${formatRemovalName(part)} has names or files that another host would not import`,
      );
    for (const { name } of part.files) names.set(`${part.directory}/${name}`, formatRemovalName(part));
  }
  let targetOffset = 0;
  const writeBytes = async (bytes: Uint8Array): Promise<void> => {
    for (let done = 0; done < bytes.length; )
      done += (await target.write(bytes, done, bytes.length - done, targetOffset + done)).bytesWritten;
    targetOffset += bytes.length;
  };
  const addFile = async (name: string, bytes: number, content: () => Promise<void>): Promise<void> => {
    await writeBytes(encodeTarHeader({ name, bytes }));
    await content();
    await writeBytes(new Uint8Array(paddedBytes(bytes) - bytes));
  };
  const addText = (name: string, text: string): Promise<void> =>
    addFile(name, Buffer.byteLength(text), () => writeBytes(Buffer.from(text)));
  await addText(FIRST_NAME, `${counted(images.length + parts.length, 'image')}\n`);
  for (const [path, text] of documents('json')) await addText(`${path}.json`, text);
  const total = [...files.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const [name, blob] of files)
    await addFile(name, blob.bytes, () =>
      readVerified(join(tree, blob.path), blob, names.get(blob.path) ?? name, async (piece) => {
        await writeBytes(piece);
        done += piece.length;
        onProgress(done, total);
      }),
    );
  await writeBytes(new Uint8Array(2 * TAR_BLOCK_BYTES));
  await target.sync();
}

const damagedError = (name: string): RackError =>
  new RackError(
    'store-broken',
    `${name} is damaged, or its bytes are missing: \`rackboot images fsck\` repairs the store`,
  );

/** Reads a file and checks its hash. */
async function readVerified(
  path: string,
  { bytes, sha256 }: ImageBlob,
  subject: string,
  consume: (piece: Uint8Array) => Promise<void>,
): Promise<void> {
  const buildReadFault = (cause: unknown): RackError =>
    MISSING_FILE_CODES.has(osErrorCode(cause) ?? '') ? damagedError(subject) : toFileFault(path, cause);
  const file = await openStored(path).catch((cause: unknown) => {
    throw buildReadFault(cause);
  });
  try {
    if (!(await file.stat()).isFile() || (await lstat(dirname(path))).isSymbolicLink()) throw damagedError(subject);
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
    for (let offset = 0; offset < bytes; ) {
      const reading = file.read(buffer, 0, Math.min(PIECE_BYTES, bytes - offset), offset);
      const { bytesRead } = await reading.catch((cause: unknown) => {
        throw buildReadFault(cause);
      });
      if (bytesRead === 0) throw damagedError(subject);
      const piece = viewBytes(buffer, 0, bytesRead);
      hash.update(piece);
      await consume(piece);
      offset += bytesRead;
    }
    if (hash.digest('hex') !== sha256) throw damagedError(subject);
  } finally {
    await file.close();
  }
}

export type BundledResult = { readonly name: string } & (
  | { readonly kind: 'added' | 'there'; readonly serial: string; readonly bytes: number }
  /** Not added. With `newer`, this host has a newer one. @param why a sentence without its full stop */
  | { readonly kind: 'newer' | 'refused'; readonly why: string }
);

interface BundleOptions {
  readonly tree: string;
  readonly file: ImageBytes;
  readonly fileName: string;
  readonly downloads: Downloads;
  readonly clock: Pick<Clock, 'wallTimeMs'>;
  readonly signal?: AbortSignal | undefined;
  readonly onResult: (result: BundledResult) => void;
}

/** Imports a bundle. @throws RackError `bad-argument` if it is not a complete bundle, `cancelled` */
export async function addBundle({ tree, file, fileName, onResult, ...options }: BundleOptions): Promise<void> {
  const { files, arches } = await listBundle(file, fileName);
  const { clock, downloads, signal } = options;
  const site = await serveBundle(file, files);
  try {
    const bundle = cleanText(basename(fileName), BUNDLE_CHARACTERS_MAX);
    const source = buildRegionSource(site.url, bundle, arches);
    const wish = { os: '*', release: undefined, architectures: [], isEveryVersion: true };
    const [answer] = await askSources([source], wish, { downloads, clock, mirrors: [], signal });
    for (const { message } of answer?.problems ?? []) onResult({ name: fileName, kind: 'refused', why: message });
    for (const offer of answer?.offers ?? []) {
      const { serial = '' } = offer;
      const name = offer.kind === 'image' ? formatImageName({ ...offer, serial }) : offerName(offer);
      const present = await findReplacementRefusal(offer, tree);
      if (present !== undefined) {
        onResult({ name, ...present });
        continue;
      }
      try {
        const workDir = composeOwnEntryPath(tree, '.downloads');
        const importOptions = { tree, downloads, signal, workDir, nowMs: clock.wallTimeMs(), isCopy: true, bundle };
        const { added, ...facts } = await importFirstItem([offer], importOptions, () => undefined);
        onResult({
          name,
          kind: added ? 'added' : 'there',
          serial: facts.serial,
          bytes: sumOfferBytes(offer) ?? facts.bytes,
        });
      } catch (error) {
        if (!(error instanceof RackError) || error.code === 'cancelled') throw error;
        onResult({ name, kind: 'refused', why: errorText(error) });
      }
    }
  } finally {
    site.close();
  }
}

/** Finds the reason why this host's part is not replaced. Undefined if it may be replaced. */
async function findReplacementRefusal(
  offer: Offer,
  tree: string,
): Promise<{ readonly kind: 'newer' | 'refused'; readonly why: string } | undefined> {
  if (offer.kind === 'image') return undefined;
  const directory = join(tree, getPartDirectory(offer));
  const present = readPresentPart(directory, offer.kind);
  if (present === undefined || (await findPart(directory, listDigests(offer))) !== undefined) return undefined;
  const { isBundled, source, serial } = present;
  const remedy = `to replace it, remove it first: sudo rackboot images remove ${offerName(offer)}`;
  // The serial of a part that a person made is only its day.
  if (!isBundled && source === undefined)
    return { kind: 'refused', why: `this host has one that was made here: ${remedy}` };
  const serials = `the bundle has the serial ${offer.serial ?? ''}, and this host has`;
  if (compareSerials(serial, offer.serial ?? '') > 0) return { kind: 'newer', why: `${serials} the newer ${serial}` };
  return isBundled
    ? undefined
    : { kind: 'refused', why: `${serials} that of the source ${source} with the serial ${serial}: ${remedy}` };
}

interface Member {
  readonly offset: number;
  readonly bytes: number;
}

async function listBundle(
  file: ImageBytes,
  fileName: string,
): Promise<{ readonly files: ReadonlyMap<string, Member>; readonly arches: ReadonlyMap<string, string> }> {
  const refuse = (why: string): RackError =>
    new RackError('bad-argument', `${fileName} is not a whole bundle of images: ${why}; export it again`);
  const files = new Map<string, Member>();
  for (let offset = 0; ; ) {
    const header = decodeTarHeader(await file.read(offset, TAR_BLOCK_BYTES));
    if (header.kind === 'fault') throw refuse(header.problem);
    if (header.kind === 'end') break;
    const { name, bytes } = header.file;
    const member = { offset: offset + TAR_BLOCK_BYTES, bytes };
    offset = member.offset + paddedBytes(bytes);
    if (offset > file.bytes) throw refuse('it is cut short');
    if (files.size === 0 && name !== FIRST_NAME) throw refuse(`it begins with ${JSON.stringify(name)}`);
    if (files.has(name)) throw refuse(`it has two files ${JSON.stringify(name)}`);
    if (files.size === FILES_MAX) throw refuse(`it has more than ${counted(FILES_MAX, 'file')}`);
    files.set(name, member);
  }
  const read = async (path: string): Promise<Uint8Array> => {
    const entry = files.get(path);
    if (entry === undefined || entry.bytes > DOCUMENT_BYTES_MAX) throw refuse(`it lacks ${path}`);
    return file.read(entry.offset, entry.bytes);
  };
  const knownNames = new Set([FIRST_NAME, UNSIGNED_INDEX]);
  const arches = new Map<string, string>();
  const index = decodeStreamIndex(await read(UNSIGNED_INDEX));
  if (!index.ok) throw refuse(`${UNSIGNED_INDEX} is damaged`);
  let count = 0;
  for (const { path } of index.value.entries) {
    const products = decodeStreamProducts(await read(path));
    if (!products.ok) throw refuse(`${path} is damaged`);
    knownNames.add(path);
    for (const image of products.value.products.flatMap((product) => product.images)) {
      count += 1;
      arches.set(image.arch, image.arch);
      for (const member of image.files) {
        if (files.get(member.path)?.bytes !== member.bytes)
          throw refuse(`it lacks ${member.path}, or has it with another size`);
        knownNames.add(member.path);
      }
    }
  }
  const unknownName = [...files.keys()].find((name) => !knownNames.has(name));
  if (unknownName !== undefined) throw refuse(`it has ${JSON.stringify(unknownName)}, which belongs to no image`);
  if (count === 0) throw refuse('it has no image');
  return { files, arches };
}

async function serveBundle(
  file: ImageBytes,
  files: ReadonlyMap<string, Member>,
): Promise<{ readonly url: string; readonly close: () => void }> {
  const respond = async ({ url = '' }: IncomingMessage, response: ServerResponse): Promise<void> => {
    const entry = files.get(decodeURIComponent(url.slice(1)));
    response.writeHead(entry === undefined ? 404 : 200, { 'Content-Length': entry?.bytes ?? 0 });
    const { offset, bytes } = entry ?? { offset: 0, bytes: 0 };
    for (let done = 0; done < bytes && !response.destroyed; done += PIECE_BYTES)
      if (!response.write(await file.read(offset + done, Math.min(PIECE_BYTES, bytes - done))))
        await Promise.race([once(response, 'drain'), once(response, 'close')]);
    response.end();
  };
  const server = createServer((request, response) => void respond(request, response).catch(() => response.destroy()));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
