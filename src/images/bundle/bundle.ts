// A bundle: one tar archive with images, boot loaders and installers, for a host without the Internet.
//
//   rackboot-images-1                     how many it has, for people
//   HASH.json …                           the manifest of each image; HASH is the hash of its text
//   HASH.part.json …                      the names and files of each boot loader and installer (bundled-part.ts)
//   HASH.{img,img.zst,squashfs,file …} …  each content, once: a disk, or the root, the kernel, the initrd … of a system, or a file of a part
//
// 1. The whole structure is checked before the first image is added: a bundle that is cut short, or has any other file, adds nothing.
//    A faulty image or part does not keep the others out.
// 2. A disk is added only if it passes the checks of `images add` (image-copy.ts) and has the hash that its manifest names. A system is added
//    only if each of its files has its hash (bundled-system.ts).
// 3. An image of a bundle has no origin, whatever its manifest says: only a download that this host has verified gives it one. Until then it
//    counts as added by hand.
// 4. No name in the archive becomes a path.

import { createHash } from 'node:crypto';
import { type FileHandle, lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { cleanText } from '../../clean-text.ts';
import { counted } from '../../counted.ts';
import { errorText, osErrorCode, RackError } from '../../errors.ts';
import { statsFault } from '../../files/found-stats.ts';
import { viewBytes } from '../../net/borrowed-bytes.ts';
import type { ImageBytes } from '../disk-image.ts';
import { type AddResult, addImage } from '../image-adding.ts';
import {
  BUNDLE_CHARACTERS_MAX,
  blobsOf,
  decodeImage,
  encodeImage,
  formatImageName,
  hasBlob,
  IMAGES_MAX,
  type ImageBlob,
  MANIFEST_BYTES_MAX,
  type StoredImage,
} from '../image-store.ts';
import { SystemInspector } from '../image-system.ts';
import { hasFiles, nameOfPart, MANIFEST_BYTES_MAX as PART_BYTES_MAX, type TreePart } from '../parts/tree-parts.ts';
import { openStored } from '../stored-blob.ts';
import {
  addBundledPart,
  type BundledPart,
  blobsOfPart,
  decodePart,
  encodePart,
  type KeptPart,
  nameOfBundledPart,
  type PartResult,
} from './bundled-part.ts';
import { addBundledSystem } from './bundled-system.ts';
import { decodeTarHeader, encodeTarHeader, paddedBytes, TAR_BLOCK_BYTES, type TarFile } from './tar.ts';

const FIRST = 'rackboot-images-1';
const PART_END = '.part.json';
const MANIFEST_NAME = /^[0-9a-f]{64}(?<end>\.json|\.part\.json)$/;
/** Bytes that are read at once. */
const PIECE_BYTES = 1024 * 1024;
/** The errors of opening a content that is missing, or is a link or a socket. */
const NOT_THERE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO']);

/** Called with bytes of the bundle. */
type OnProgress = (done: number, total: number) => void;

const contentName = ({ path }: ImageBlob): string => basename(path);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The content of a bundle. */
export interface BundleContent {
  readonly images: readonly StoredImage[];
  /** Boot loaders and installers. */
  readonly parts: readonly TreePart[];
}

/** A content, and the file that has it. */
interface Source {
  readonly path: string;
  readonly blob: ImageBlob;
  /** The name of its image for people. */
  readonly of: string;
}

/**
 * Writes images, boot loaders and installers into an open, empty file.
 * @throws RackError `store-broken` if a content is damaged, and those of `statsFault` if it cannot be read; the system's error if the file
 * cannot be written
 */
export async function writeBundle(
  tree: string,
  { images, parts }: BundleContent,
  to: FileHandle,
  onProgress: OnProgress,
): Promise<void> {
  // Known before gigabytes are written.
  const lost = images.find((image) => !hasBlob(tree, image));
  if (lost !== undefined) throw damagedError(formatImageName(lost));
  const damaged = parts.find((part) => !hasFiles(tree, part));
  if (damaged !== undefined) throw damagedError(nameOfPart(damaged));
  const sources = new Map<string, Source>();
  for (const image of images)
    for (const blob of blobsOf(image))
      sources.set(contentName(blob), { path: join(tree, blob.path), blob, of: formatImageName(image) });
  for (const part of parts)
    for (const [index, blob] of blobsOfPart(part).entries()) {
      const path = join(tree, part.directory, part.files[index]?.name ?? '');
      sources.set(contentName(blob), { path, blob, of: nameOfPart(part) });
    }
  const total = [...sources.values()].reduce((sum, { blob }) => sum + blob.bytes, 0);
  const out = new TarWriter(to);
  await out.small(FIRST, Buffer.from(`${counted(images.length + parts.length, 'image')}\n`));
  const manifests = [
    ...images.map((image) => ({ text: encodeImage(image), end: '.json' })),
    ...parts.map((part) => ({ text: encodePart(part), end: PART_END })),
  ];
  for (const { text, end } of manifests) await out.small(`${sha256(Buffer.from(text))}${end}`, Buffer.from(text));
  let before = 0;
  for (const source of sources.values()) {
    await copyContent(source, out, (done) => onProgress(before + done, total));
    before += source.blob.bytes;
  }
  await out.end();
}

const damagedError = (name: string): RackError =>
  new RackError(
    'store-broken',
    `${name} is damaged, or its bytes are missing: \`rackboot images fsck\` repairs the store`,
  );

async function copyContent(
  { path, blob, of }: Source,
  out: TarWriter,
  onProgress: (done: number) => void,
): Promise<void> {
  const damaged = (): RackError => damagedError(of);
  const unreadable = (cause: unknown): RackError =>
    NOT_THERE.has(osErrorCode(cause) ?? '') ? damaged() : statsFault(path, cause);
  const file = await openStored(path).catch((cause: unknown) => {
    throw unreadable(cause);
  });
  try {
    if (!(await file.stat()).isFile() || (await lstat(dirname(path))).isSymbolicLink()) throw damaged();
    const hash = createHash('sha256');
    await out.header({ name: contentName(blob), bytes: blob.bytes });
    const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
    for (let at = 0; at < blob.bytes; ) {
      const reading = file.read(buffer, 0, Math.min(PIECE_BYTES, blob.bytes - at), at);
      const { bytesRead } = await reading.catch((cause: unknown) => {
        throw unreadable(cause);
      });
      if (bytesRead === 0) throw damaged();
      const piece = viewBytes(buffer, 0, bytesRead);
      hash.update(piece);
      await out.write(piece);
      at += bytesRead;
      onProgress(at);
    }
    if (hash.digest('hex') !== blob.sha256) throw damaged();
    await out.pad(blob.bytes);
  } finally {
    await file.close();
  }
}

/** Writes the parts of an archive, one after the other. */
class TarWriter {
  readonly #file: FileHandle;
  #at = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#file.write(bytes, done, bytes.length - done, this.#at + done)).bytesWritten;
    }
    this.#at += bytes.length;
  }

  header(file: TarFile): Promise<void> {
    return this.write(encodeTarHeader(file));
  }

  pad(bytes: number): Promise<void> {
    return this.write(new Uint8Array(paddedBytes(bytes) - bytes));
  }

  async small(name: string, content: Uint8Array): Promise<void> {
    await this.header({ name, bytes: content.length });
    await this.write(content);
    await this.pad(content.length);
  }

  /** Writes the two empty blocks. Resolves when the archive is on disk. */
  async end(): Promise<void> {
    await this.write(new Uint8Array(2 * TAR_BLOCK_BYTES));
    await this.#file.sync();
  }
}

/** The place of a content in a bundle, in bytes. */
interface Content {
  readonly at: number;
  readonly bytes: number;
}

/** The images, boot loaders and installers of a bundle, with their contents. */
interface Listing {
  readonly images: readonly StoredImage[];
  readonly parts: readonly BundledPart[];
  readonly contents: ReadonlyMap<string, Content>;
}

/** The options for adding a bundle. */
interface BundleTerms {
  /** The boot tree. */
  readonly tree: string;
  readonly file: ImageBytes;
  /** Its name in messages. */
  readonly fileName: string;
  /** Wall time. */
  readonly nowMs: number;
  /** Called after each image that is in the store now. */
  readonly onAdded: (result: Pick<AddResult, 'image' | 'added'>) => void;
  /** Called after each image that was not added. @param why a sentence without its full stop */
  readonly onRefused: (image: StoredImage, why: string) => void;
  /** Called after each boot loader and installer. */
  readonly onPart: (part: BundledPart, result: PartResult) => void;
}

/**
 * Adds everything in a bundle. Leaves out faulty images and parts, and adds the rest.
 * @throws RackError `bad-argument` if it is not a whole bundle
 */
export async function addBundle(terms: BundleTerms): Promise<void> {
  const { tree, file, fileName, onAdded, onRefused, onPart } = terms;
  const { images, parts, contents } = await listBundle(file, fileName);
  const stored = new Set<string>();
  const open = (blob: ImageBlob | undefined): ImageBytes => {
    const content = blob === undefined ? undefined : contents.get(contentName(blob));
    if (content === undefined) throw new Error('a listing lacks a content');
    return partOf(file, content);
  };
  for (const image of images) {
    const result = await addBundledImage(image, terms, { stored, open }).catch(asRefusal);
    if ('why' in result) onRefused(image, result.why);
    else onAdded(result);
  }
  for (const part of parts) onPart(part, await addBundledPart(part, { tree, fileName, open }).catch(asRefusal));
}

/** @throws RackError those of `addImage` and `addBundledSystem` */
async function addBundledImage(
  image: StoredImage,
  { tree, fileName, nowMs }: BundleTerms,
  { stored, open }: { readonly stored: Set<string>; readonly open: (blob: ImageBlob | undefined) => ImageBytes },
): Promise<Pick<AddResult, 'image' | 'added'>> {
  const name = `${formatImageName(image)} of ${fileName}`;
  const bundle = cleanText(basename(fileName), BUNDLE_CHARACTERS_MAX);
  if (image.system !== undefined)
    return await addBundledSystem(image, { tree, fileName: name, bundle, nowMs, open, stored });
  const { serial, os, release, architecture, subarchitecture, label, title } = image;
  const inspector = new SystemInspector(architecture);
  return await addImage({
    tree,
    file: open(blobsOf(image)[0]),
    fileName: name,
    name: { os, release, architecture, subarchitecture, label, serial },
    title,
    compress: image.format === 'raw.zst',
    sha256: image.sha256,
    bundle,
    nowMs,
    // A bundle may state anything.
    onDisk: (piece) => inspector.take(piece),
    signs: () => inspector.signs(),
    onProgress: () => undefined,
  });
}

function asRefusal(error: unknown): KeptPart {
  if (error instanceof RackError) return { kind: 'refused', why: errorText(error) };
  throw error;
}

/** A part of a file, which reads like a file. */
const partOf = (file: ImageBytes, { at, bytes }: Content): ImageBytes => ({
  bytes,
  read: (from, length) => file.read(at + from, Math.max(0, Math.min(length, bytes - from))),
});

/** Reads the structure of a bundle, without its contents. */
async function listBundle(file: ImageBytes, fileName: string): Promise<Listing> {
  const refuse = (why: string): RackError =>
    new RackError('bad-argument', `${fileName} is not a whole bundle of images: ${why}; export it again`);
  const images = new Map<string, StoredImage>();
  const parts = new Map<string, BundledPart>();
  /** By the names of their contents. */
  const expected = new Map<string, ImageBlob>();
  const contents = new Map<string, Content>();
  for (let at = 0, number = 0; ; number += 1) {
    const header = decodeTarHeader(await file.read(at, TAR_BLOCK_BYTES));
    if (header.kind === 'fault') throw refuse(header.problem);
    if (header.kind === 'end') {
      if (!(await isEmptyFrom(file, at))) throw refuse('something follows its end');
      break;
    }
    const { name, bytes } = header.file;
    const content = { at: at + TAR_BLOCK_BYTES, bytes };
    at = content.at + paddedBytes(bytes);
    if (at > file.bytes) throw refuse('it is cut short');
    if (number === 0 && name !== FIRST) throw refuse(`it begins with ${JSON.stringify(name)}`);
    if (number === 0) continue;
    const end = MANIFEST_NAME.exec(name)?.groups?.end;
    if (end !== undefined) {
      if (images.size + parts.size === IMAGES_MAX) throw refuse(`it has more than ${counted(IMAGES_MAX, 'image')}`);
      const entry = await readEntry(file, { name, end }, content);
      if (typeof entry === 'string') throw refuse(`${name}: ${entry}`);
      if (images.has(entry.name) || parts.has(entry.name)) throw refuse(`it has two manifests of ${entry.name}`);
      if (entry.kind === 'image') images.set(entry.name, entry.image);
      else parts.set(entry.name, entry.part);
      for (const blob of entry.blobs) {
        const other = expected.get(contentName(blob));
        if (other !== undefined && other.bytes !== blob.bytes)
          throw refuse(`${name}: the size of ${contentName(blob)} is not that of another image`);
        expected.set(contentName(blob), blob);
      }
    } else {
      const blob = expected.get(name);
      if (blob === undefined || contents.has(name))
        throw refuse(`it has ${JSON.stringify(name)}, which belongs to no image`);
      if (blob.bytes !== bytes) throw refuse(`the size of ${name} is not that of its image`);
      contents.set(name, content);
    }
  }
  const lacks = (blobs: readonly ImageBlob[]): boolean => blobs.some((blob) => !contents.has(contentName(blob)));
  const missing =
    [...images].find(([, image]) => lacks(blobsOf(image))) ?? [...parts].find(([, part]) => lacks(blobsOfPart(part)));
  if (missing !== undefined) throw refuse(`it lacks the bytes of ${missing[0]}`);
  if (images.size + parts.size === 0) throw refuse('it has no image');
  return { images: [...images.values()], parts: [...parts.values()], contents };
}

/** True if only zeroes follow: programs pad an archive with them. */
async function isEmptyFrom(file: ImageBytes, from: number): Promise<boolean> {
  for (let at = from; at < file.bytes; ) {
    const piece = await file.read(at, Math.min(PIECE_BYTES, file.bytes - at));
    if (piece.length === 0 || piece.some((byte) => byte !== 0)) return false;
    at += piece.length;
  }
  return true;
}

/** A manifest of a bundle. */
type Entry = { readonly name: string; readonly blobs: readonly ImageBlob[] } & (
  | { readonly kind: 'image'; readonly image: StoredImage }
  | { readonly kind: 'part'; readonly part: BundledPart }
);

async function readEntry(
  file: ImageBytes,
  { name, end }: { readonly name: string; readonly end: string },
  { at, bytes }: Content,
): Promise<Entry | string> {
  const bytesMax = end === PART_END ? PART_BYTES_MAX : MANIFEST_BYTES_MAX;
  if (bytes > bytesMax) return `it has more than ${bytesMax} bytes`;
  const content = await file.read(at, bytes);
  if (`${sha256(content)}${end}` !== name) return 'it is damaged';
  const text = Buffer.from(content).toString('utf8');
  if (end === PART_END) {
    const part = decodePart(text);
    return typeof part === 'string'
      ? part
      : { kind: 'part', part, name: nameOfBundledPart(part), blobs: blobsOfPart(part) };
  }
  const image = decodeImage(text);
  return typeof image === 'string'
    ? image
    : { kind: 'image', image, name: formatImageName(image), blobs: blobsOf(image) };
}
