// Adds a disk image to the store: checks it, hashes it while copying, and stores it under its name.
//
//   recognise ─▶ disk space? ─▶ copy to .part-… (hash, expand, count) ─▶ partition table? ─▶ rename to its hash ─▶ manifest
//
// 1. An image becomes visible only after all of it is on disk. The next addition removes unfinished copies.
// 2. A compressed image is expanded while it is copied, so a damaged or truncated one is refused, and its expanded size is known.
// 3. Only a few pieces of an image are in memory, however much it expands to.
// 4. Adding the same bytes under the same name again changes nothing.

import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm, statfs, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createZstdCompress, constants as zlib } from 'node:zlib';
import { newUuid } from '../clock.ts';
import { counted } from '../counted.ts';
import { errorText, osErrorCode, RackError } from '../errors.ts';
import { ownershipRemedy } from '../files/ownership.ts';
import { copyBytes, viewBytes } from '../net/borrowed-bytes.ts';
import { Conversion, PIECE_BYTES } from './conversion.ts';
import {
  DISK_HEAD_BYTES,
  FILE_HEAD_BYTES,
  findPartitionTable,
  type ImageFormat,
  recogniseFormat,
} from './disk-image.ts';
import {
  blobPath,
  encodeImage,
  formatImageName,
  hasBlob,
  IMAGES_MAX,
  type ImageName,
  judgeImageName,
  manifestPath,
  readImages,
  type StoredImage,
  sweepBlobs,
} from './image-store.ts';
import { makeDirectories, publishFile, syncDirectory } from './publication.ts';
import { ZstdExpansion } from './zstd-expansion.ts';

/** The file to add, and the name of the image. */
export interface AddRequest {
  /** The boot tree. */
  readonly tree: string;
  /** The image, open for reading; the caller closes it. */
  readonly file: FileHandle;
  /** The name of the file in messages. */
  readonly fileName: string;
  /** `serial` undefined: the day of `nowMs`, with a number if that is taken. */
  readonly name: Omit<ImageName, 'serial'> & { readonly serial?: string | undefined };
  /** For people; undefined: made from the name. */
  readonly title?: string | undefined;
  /** Store a raw image compressed with Zstandard. */
  readonly compress: boolean;
  /** The largest accepted disk, in bytes; undefined: DISK_BYTES_MAX. Only tests set it: to expand 16 TiB takes hours. */
  readonly diskBytesMax?: number | undefined;
  /** Wall time. */
  readonly nowMs: number;
  /** Called during the copy, with bytes of the file. */
  readonly onProgress: (done: number, total: number) => void;
}

/** The image that was added, or already existed. */
export interface AddResult {
  readonly image: StoredImage;
  readonly added: boolean;
}

/** Space that must stay free on the disk of the tree. */
const RESERVE_BYTES = 256 * 1024 * 1024;
/** Images are compressed once and written many times; 9 takes twice the time of 3 and saves a seventh. */
const PACKING = {
  chunkSize: PIECE_BYTES,
  params: { [zlib.ZSTD_c_compressionLevel]: 9, [zlib.ZSTD_c_checksumFlag]: 1 },
};
const WINDOW_TOO_LARGE = 'ZSTD_error_frameParameter_windowTooLarge';
/** The largest disk of an image, in bytes; expanding a compressed image stops there. */
const DISK_BYTES_MAX = 16 * 1024 ** 4;
/** Bytes read at a time. */
const CHUNK_BYTES = 1024 * 1024;
const SERIALS_A_DAY_MAX = 9999;

/** The result of a copy. */
interface Copy {
  readonly sha256: string;
  readonly bytes: number;
  readonly diskBytes: number;
  readonly format: ImageFormat;
  readonly head: Uint8Array;
}

/**
 * Adds an image.
 *
 * @throws RackError `bad-argument` for an unusable file or name, `already-exists` if the serial exists with other bytes,
 * `store-unwritable` if the disk lacks space or cannot be written
 */
export async function addImage(request: AddRequest): Promise<AddResult> {
  const { tree, name } = request;
  const wrong = judgeImageName({ ...name, serial: name.serial ?? formatDay(request.nowMs) });
  if (wrong !== undefined) throw new RackError('bad-argument', wrong);
  if (readImages(tree).images.length >= IMAGES_MAX) {
    throw new RackError('bad-argument', `the store already has ${IMAGES_MAX} images: remove unneeded ones`);
  }
  const directory = join(tree, 'images');
  const part = join(directory, `.part-${newUuid()}`);
  try {
    await makeDirectories(directory);
    await sweepBlobs(tree, request.nowMs, new Set());
    const copy = await copyImage(request, part);
    return await publish(request, part, copy);
  } catch (error) {
    throw asStoreError(error, directory);
  } finally {
    await rm(part, { force: true });
  }
}

async function copyImage(request: AddRequest, part: string): Promise<Copy> {
  const { file, fileName } = request;
  const facts = await file.stat();
  if (!facts.isFile()) throw new RackError('bad-argument', `${fileName} is not a file`);
  const head = Buffer.alloc(FILE_HEAD_BYTES);
  const { bytesRead } = await file.read(head, 0, FILE_HEAD_BYTES, 0);
  const recognised = recogniseFormat(viewBytes(head, 0, bytesRead));
  if (!recognised.ok) throw new RackError('bad-argument', `${fileName} cannot be added: ${recognised.problem}`);
  await checkRoom(part, facts.size);
  const copy = await transfer(request, part, facts.size, recognised.format);
  if (findPartitionTable(copy.head) === undefined) {
    const remedy = 'use an image of a whole disk, as dd would write it, not of one file system';
    throw new RackError('bad-argument', `${fileName} cannot be added: it has no partition table; ${remedy}`);
  }
  if (copy.diskBytes % 512 !== 0) {
    const why = `it has ${counted(copy.diskBytes, 'byte')}, which is not a whole number of sectors; it was probably cut short`;
    throw new RackError('bad-argument', `${fileName} cannot be added: ${why}`);
  }
  return copy;
}

async function checkRoom(part: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(part));
  const free = bavail * bsize;
  if (free >= needed + RESERVE_BYTES) return;
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
  const why = `${dirname(part)} has ${megabytes(free)} left, but ${megabytes(needed + RESERVE_BYTES)} are needed`;
  throw new RackError('store-unwritable', `${why}: free space, or remove unneeded images`);
}

/** Copies the file, compressed if requested, while hashing, expanding and counting its content. */
async function transfer(request: AddRequest, part: string, total: number, given: ImageFormat): Promise<Copy> {
  const format = given === 'raw' && request.compress ? 'raw.zst' : given;
  const hash = createHash('sha256');
  const disk = new DiskCounter(request.fileName, request.diskBytesMax ?? DISK_BYTES_MAX);
  const out = await open(part, 'wx', 0o644);
  let bytes = 0;
  const keep = async (chunk: Uint8Array): Promise<void> => {
    hash.update(chunk);
    bytes += chunk.length;
    await out.writeFile(chunk);
  };
  const expander = given === 'raw' ? undefined : new ZstdExpansion((piece) => disk.take(piece));
  const packer = given === format ? undefined : new Conversion(createZstdCompress(PACKING), keep);
  try {
    for await (const chunk of chunksOf(request.file)) {
      if (expander === undefined) disk.take(chunk);
      else await expander.write(chunk);
      if (packer === undefined) await keep(chunk);
      else await packer.write(chunk);
      request.onProgress(chunk.at, total);
    }
    await expander?.end();
    await packer?.end();
    await out.chmod(0o644);
    await out.sync();
  } catch (error) {
    throw asDamage(error, request.fileName);
  } finally {
    expander?.close();
    packer?.close();
    await out.close();
  }
  return { sha256: hash.digest('hex'), bytes, diskBytes: disk.bytes, format, head: disk.head() };
}

/** The content of a file, piece by piece. Each piece overwrites the last; `at`: bytes read so far. */
async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array & { readonly at: number }> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield Object.assign(viewBytes(buffer, 0, bytesRead), { at });
  }
}

/** Counts the bytes of the disk and keeps the first ones. */
class DiskCounter {
  readonly #fileName: string;
  readonly #bytesMax: number;
  readonly #head: Uint8Array[] = [];
  bytes = 0;

  constructor(fileName: string, bytesMax: number) {
    this.#fileName = fileName;
    this.#bytesMax = bytesMax;
  }

  /** @throws RackError `bad-argument` if the disk is too large */
  take(chunk: Uint8Array): void {
    if (this.bytes + chunk.length > this.#bytesMax) {
      const why = `it would fill more than ${this.#bytesMax} bytes of a disk; use an image that fits on a disk`;
      throw new RackError('bad-argument', `${this.#fileName} cannot be added: ${why}`);
    }
    if (this.bytes < DISK_HEAD_BYTES) this.#head.push(copyBytes(chunk, 0, DISK_HEAD_BYTES));
    this.bytes += chunk.length;
  }

  head(): Uint8Array {
    return copyBytes(Buffer.concat(this.#head), 0, DISK_HEAD_BYTES);
  }
}

async function publish(request: AddRequest, part: string, copy: Copy): Promise<AddResult> {
  const { tree, name, nowMs } = request;
  const { sha256, bytes, diskBytes, format } = copy;
  const same = readImages(tree).images.filter(
    (image) =>
      image.os === name.os &&
      image.release === name.release &&
      image.architecture === name.architecture &&
      image.subarchitecture === name.subarchitecture &&
      image.label === name.label,
  );
  const present = same.find((image) => image.sha256 === sha256 && (name.serial ?? image.serial) === image.serial);
  const partitionTable = findPartitionTable(copy.head) ?? 'mbr';
  const title = request.title ?? `${name.os} ${name.release} (${name.architecture})`;
  const serial = present?.serial ?? chooseSerial(request, same);
  const image: StoredImage = { ...name, serial, title, sha256, bytes, format, diskBytes, partitionTable };
  const blob = join(tree, blobPath(sha256, format));
  if (hasBlob(tree, image)) {
    // A removal that runs at this moment spares a recent blob, unless it removes an image with these bytes: then the check below fails.
    await utimes(blob, nowMs / 1000, nowMs / 1000);
  } else {
    await makeDirectories(dirname(blob));
    await rename(part, blob);
    await syncDirectory(dirname(blob));
  }
  const kept = present !== undefined && request.title === undefined ? present : image;
  if (present === undefined || present.title !== kept.title) {
    await publishFile(manifestPath(tree, image), Buffer.from(encodeImage(kept), 'utf8'));
  }
  if (!hasBlob(tree, image)) {
    throw new RackError('not-found', `${basename(blob)} was removed while it was being added: add it again`);
  }
  return { image: kept, added: present === undefined };
}

function chooseSerial(request: AddRequest, same: readonly StoredImage[]): string {
  const { serial } = request.name;
  const taken = (wanted: string): boolean => same.some((image) => image.serial === wanted);
  if (serial !== undefined) {
    if (!taken(serial)) return serial;
    const name = formatImageName({ ...request.name, serial });
    throw new RackError(
      'already-exists',
      `${name} already exists with other bytes: remove it first, or use another serial`,
    );
  }
  const day = formatDay(request.nowMs);
  if (!taken(day)) return day;
  for (let number = 1; number <= SERIALS_A_DAY_MAX; number += 1) {
    if (!taken(`${day}.${number}`)) return `${day}.${number}`;
  }
  throw new RackError('already-exists', `there are already ${SERIALS_A_DAY_MAX} images of ${day}: name a serial`);
}

const formatDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10).replaceAll('-', '');

function isDamage(reason: unknown): boolean {
  const code = osErrorCode(reason) ?? '';
  return code.startsWith('ZSTD_') || code === 'Z_BUF_ERROR';
}

function asDamage(reason: unknown, fileName: string): unknown {
  if (!isDamage(reason)) return reason;
  if (osErrorCode(reason) === WINDOW_TOO_LARGE) {
    const remedy = 'a machine could not expand it: compress it with zstd without --long, or with --long=27';
    return new RackError('bad-argument', `${fileName} cannot be added: ${remedy}`, { cause: reason });
  }
  const why = `it cannot be expanded (${errorText(reason)}); it is damaged or cut short: copy it again`;
  return new RackError('bad-argument', `${fileName} cannot be added: ${why}`, { cause: reason });
}

function asStoreError(error: unknown, directory: string): unknown {
  if (error instanceof RackError) return error;
  const code = osErrorCode(error);
  if (code === undefined || !/^E[A-Z]+$/.test(code)) return error;
  const remedy = code === 'ENOSPC' ? 'free space on its disk' : ownershipRemedy(directory, directory);
  return new RackError('store-unwritable', `${directory} cannot be written (${code}): ${remedy}`, { cause: error });
}
