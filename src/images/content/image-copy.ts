// Copies a disk image into a new file of the store: recognises, checks, hashes, converts and counts
// it on the way.
//
//   raw      ─▶ pieces of the disk ─▶ count ─▶ compress, or leave holes ─▶ hash, write
//   raw.zst  ─▶ bytes of the file  ─▶ hash, write, and expand ─▶ count
//   qcow2    ─▶ qemu-img ─▶ a raw file without a name ─▶ as raw                    (qemu-images.ts)
//   packed   ─▶ expand (gzip, xz, Zstandard), or take its image out of a tar ─▶ as raw, or a file without a name ─▶ as above
//
// 1. A compressed image is expanded while it is copied: a damaged one is refused, and its expanded
//    size is known.
// 2. A copy can be stopped between two pieces of 1 MiB at most.
// 3. Zeroes that arrive as data become holes: 2 TiB of them need neither space nor work.
// 4. Only a few pieces of an image are in memory at a time.

import type { FileHandle } from 'node:fs/promises';
import { copyBytes, viewBytes } from '../../ground/borrowed-bytes.ts';
import { shellWord } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { errorText, osErrorCode, RackError } from '../../ground/errors.ts';
import { BlobFile, checkSpace, DiskPacker, type DiskWriter } from './blob-writing.ts';
import {
  DISK_BYTES_MAX,
  DISK_HEAD_BYTES,
  type DiskPiece,
  FILE_HEAD_BYTES,
  type FileFormat,
  findPartitionTable,
  type ImageBytes,
  type ImageFormat,
  type InputFormat,
  NO_TABLE,
  type PartitionTable,
  recogniseFormat,
} from './disk-image.ts';
import { beginExpansion, type Compression, EXPANDING_FAILED } from './image-expansion.ts';
import { bytesOfFile, CHUNK_BYTES, readImagePieces } from './image-file.ts';
import { IMAGE_NAME, listTar, readTar, TarFault } from './packed-tar.ts';
import { appendBytes, convertQcow2, openUnnamed } from './qemu-images.ts';
import { ZstdExpansion } from './zstd-expansion.ts';

export interface CopyRequest {
  readonly file: ImageBytes;
  readonly fileName: string;
  /** Store the disk compressed with Zstandard; undefined: only if the file is not a raw image. */
  readonly compress?: boolean | undefined;
  /** In bytes; undefined: DISK_BYTES_MAX. Only tests set it. */
  readonly diskBytesMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the parts of the disk, in order. */
  readonly onDisk?: ((piece: DiskPiece) => void) | undefined;
  /** Both numbers are bytes of the disk, or of the file if it is compressed or an archive. */
  readonly onProgress: (done: number, total: number) => void;
}

export interface Copy {
  /** `packed`: compressed, or in an archive. */
  readonly given: InputFormat | 'packed';
  readonly format: ImageFormat;
  readonly sha256: string;
  readonly bytes: number;
  readonly diskBytes: number;
  readonly partitionTable: PartitionTable;
}

const WINDOW_TOO_LARGE = 'ZSTD_error_frameParameter_windowTooLarge';
/**
 * Bytes of a disk, apart from zeroes, that a file may contain for each of its own bytes. Without
 * this bound, a file of 200 KiB could occupy a processor for an hour.
 */
const FILLED_PER_BYTE_MAX = 2048;
const FILLED_BYTES = 1024 ** 3;
/** Like FILLED_PER_BYTE_MAX, for packed content that is not a raw disk. */
const INNER_PER_BYTE_MAX = 64;
const ZEROES = new Uint8Array(CHUNK_BYTES);

/**
 * Copies the image into the new file `spaceCheckPath`.
 *
 * @throws RackError `bad-argument` for an unusable image, `store-unwritable` if the disk lacks space
 */
export async function copyImage(request: CopyRequest, part: string): Promise<Copy> {
  const { file, fileName } = request;
  const recognised = recogniseFormat(await file.read(0, FILE_HEAD_BYTES));
  if (!recognised.ok) throw unusable(fileName, recognised.problem);
  const diskBytesMax = request.diskBytesMax ?? DISK_BYTES_MAX;
  if (file.bytes > diskBytesMax) throw unusable(fileName, tooLarge(diskBytesMax));
  await checkSpace(part, file.bytes);
  const inputFormat = await recogniseInput(request, recognised.format);
  const format = inputFormat === 'raw.zst' || (request.compress ?? inputFormat !== 'raw') ? 'raw.zst' : 'raw';
  const disk = new DiskCounter(request, diskBytesMax);
  const stored = await transfer(request, { part, given: inputFormat, format }, disk);
  const partitionTable = findPartitionTable(disk.head());
  if (partitionTable === undefined) throw unusable(fileName, NO_TABLE);
  if (disk.bytes % 512 !== 0) {
    const why = 'which is not a whole number of sectors; it was probably cut short';
    throw unusable(fileName, `it has ${counted(disk.bytes, 'byte')}, ${why}`);
  }
  return { given: inputFormat, format, ...stored, diskBytes: disk.bytes, partitionTable };
}

/** The error for a file that cannot be added. @param why FILE in it is replaced by the file's name */
export const unusable = (fileName: string, why: string, cause?: unknown): RackError => {
  const reason = why.replaceAll(/\bFILE\b/g, () => shellWord(fileName));
  return new RackError('bad-argument', `${fileName} cannot be added: ${reason}`, { cause });
};

function checkRunning({ signal }: Pick<CopyRequest, 'signal'>): void {
  if (signal?.aborted === true) throw new RackError('cancelled', 'the import was stopped');
}

const tooLarge = (bytesMax: number): string =>
  `it would fill more than ${bytesMax} bytes of a disk; use an image that fits on a disk`;

const COMPRESSIONS: Readonly<Partial<Record<FileFormat, Compression>>> = { gzip: 'gzip', xz: 'xz', 'raw.zst': 'zstd' };

/** A Zstandard file may contain another kind of image, or an archive, which must be unpacked. */
async function recogniseInput(request: CopyRequest, outerFormat: FileFormat): Promise<InputFormat | 'packed'> {
  if (outerFormat === 'gzip' || outerFormat === 'xz' || outerFormat === 'tar') return 'packed';
  if (outerFormat !== 'raw.zst') return outerFormat;
  const inner = recogniseFormat(await expandHead(request.file, 'zstd', request.signal));
  return inner.ok && inner.format === 'raw' ? 'raw.zst' : 'packed';
}

/** @returns FILE_HEAD_BYTES, or fewer if the file expands to fewer */
async function expandHead(file: ImageBytes, compression: Compression, signal?: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const enough = new Error('enough');
  const expansion = beginExpansion(
    compression,
    async (piece) => {
      parts.push(copyBytes(piece, 0, FILE_HEAD_BYTES));
      length += piece.length;
      if (length >= FILE_HEAD_BYTES) throw enough;
    },
    signal,
  );
  try {
    await expansion.write(await file.read(0, CHUNK_BYTES));
    await expansion.end();
  } catch (error) {
    if (error instanceof RackError) throw error;
    // Either these bytes are enough, or the file is damaged, which the copy detects.
  } finally {
    expansion.close();
  }
  return copyBytes(Buffer.concat(parts), 0, FILE_HEAD_BYTES);
}

interface TransferOptions {
  readonly part: string;
  readonly given: InputFormat | 'packed';
  readonly format: ImageFormat;
}

async function transfer(
  request: CopyRequest,
  { part, given, format }: TransferOptions,
  disk: DiskCounter,
): Promise<Pick<Copy, 'sha256' | 'bytes'>> {
  const out = await BlobFile.create(part);
  const writer = format === given || format === 'raw' ? out : new DiskPacker(out);
  try {
    if (given === 'raw.zst') await copyExpanding(request, out, disk);
    else if (given === 'raw') await copyDisk(readImagePieces(request.file), request.file.bytes, request, writer, disk);
    else await unpack(request, part, writer, disk);
    await writer.end();
    return out.facts();
  } catch (error) {
    checkRunning(request);
    throw asDamage(error, request.fileName);
  } finally {
    await writer.close();
  }
}

async function copyDisk(
  pieces: AsyncIterable<DiskPiece>,
  total: number,
  request: CopyRequest,
  writer: DiskWriter,
  disk: DiskCounter,
): Promise<void> {
  for await (const piece of pieces) {
    await copyPiece(piece, writer, disk);
    request.onProgress(disk.bytes, total);
  }
}

async function copyPiece(sourcePiece: DiskPiece, writer: DiskWriter, disk: DiskCounter): Promise<void> {
  const piece = disk.count(sourcePiece);
  if (piece.kind === 'data') await writer.write(piece.bytes);
  else await writer.skip(piece.length);
}

/** Bound on the layers around an image: a compressed archive with a compressed image has two. */
const LAYERS_MAX = 3;

async function unpack(request: CopyRequest, part: string, writer: DiskWriter, disk: DiskCounter): Promise<void> {
  const { fileName, signal } = request;
  const opened: FileHandle[] = [];
  const openUnnamedFile = async (): Promise<FileHandle> => {
    const file = await openUnnamed(`${part}-${opened.length}`);
    opened.push(file);
    return file;
  };
  try {
    let layer = request.file;
    for (let depth = 0; ; depth += 1) {
      const format = requireFormat(await layer.read(0, FILE_HEAD_BYTES), fileName);
      if (format === 'qcow2') {
        const refuse = (why: string): RackError => unusable(fileName, why);
        const { pieces, bytes } = await convertQcow2(layer, {
          spaceCheckPath: part,
          openUnnamedFile,
          refuse,
          signal,
        });
        await copyDisk(
          pieces,
          bytes,
          { ...request, onProgress: depth > 0 ? () => undefined : request.onProgress },
          writer,
          disk,
        );
        return;
      }
      if (depth === LAYERS_MAX) throw unusable(fileName, `it is packed more than ${LAYERS_MAX} times: unpack it first`);
      const layerWithProgress = depth > 0 ? layer : withReadProgress(layer, request.onProgress);
      const inner = new InnerFile(request, part, openUnnamedFile, writer, disk);
      await readInner(layerWithProgress, format, inner, request);
      const next = await inner.end();
      if (next === undefined) return;
      layer = await bytesOfFile(next, fileName);
    }
  } catch (error) {
    throw error instanceof TarFault ? unusable(fileName, error.message, error) : error;
  } finally {
    for (const file of opened) await file.close();
  }
}

function requireFormat(head: Uint8Array, fileName: string): FileFormat {
  const recognised = recogniseFormat(head);
  if (!recognised.ok) throw unusable(fileName, recognised.problem);
  return recognised.format;
}

const withReadProgress = (file: ImageBytes, onProgress: CopyRequest['onProgress']): ImageBytes => ({
  bytes: file.bytes,
  read: async (offset, length) => {
    const bytes = await file.read(offset, length);
    if (length === CHUNK_BYTES) onProgress(Math.min(offset + length, file.bytes), file.bytes);
    return bytes;
  },
});

async function readInner(
  layer: ImageBytes,
  format: FileFormat,
  inner: InnerFile,
  { signal }: CopyRequest,
): Promise<void> {
  const compression = COMPRESSIONS[format];
  const writeInner = (piece: Uint8Array): Promise<void> => inner.write(piece);
  const isArchive =
    format === 'tar' || (compression !== undefined && isTarHead(await expandHead(layer, compression, signal)));
  if (isArchive) return readTar(layer, [await findImageName(layer, signal)], writeInner, signal);
  if (compression === undefined) throw new Error(`${format} is not packed`);
  const expansion = beginExpansion(compression, writeInner, signal);
  try {
    for await (const { bytes } of readImagePieces(layer)) await expansion.write(bytes);
    await expansion.end();
  } finally {
    expansion.close();
  }
}

function isTarHead(head: Uint8Array): boolean {
  const recognised = recogniseFormat(head);
  return recognised.ok && recognised.format === 'tar';
}

/** The name of the disk image in an archive. Rejects with TarFault if it has none, or two. */
async function findImageName(layer: ImageBytes, signal: AbortSignal | undefined): Promise<string> {
  const imageNames: string[] = [];
  await listTar(
    layer,
    ({ name, rawName, isFile, bytes }) => {
      if (!isFile || !IMAGE_NAME.test(name)) return;
      if (rawName.includes('\\')) throw new TarFault('the name of its image has an unusual character: rename it');
      if (bytes > DISK_BYTES_MAX) throw new TarFault(tooLarge(DISK_BYTES_MAX));
      imageNames.push(rawName);
      if (imageNames.length > 1)
        throw new TarFault(
          `the archive has two images, ${imageNames.map((imageName) => JSON.stringify(imageName)).join(' and ')}`,
        );
    },
    signal,
  );
  const [name] = imageNames;
  if (name !== undefined) return name;
  throw new TarFault(
    'the archive has no disk image: the name of an image must end in .raw, .img or .qcow2, as in disk.raw',
  );
}

/**
 * The content of a packed file. A raw disk is copied at once. Another file is kept until it is complete.
 */
class InnerFile {
  readonly #request: CopyRequest;
  readonly #part: string;
  readonly #unnamed: () => Promise<FileHandle>;
  readonly #writer: DiskWriter;
  readonly #disk: DiskCounter;
  #head: Uint8Array | undefined = new Uint8Array(0);
  #innerFile: FileHandle | undefined;
  #bytes = 0;

  constructor(
    request: CopyRequest,
    part: string,
    unnamed: () => Promise<FileHandle>,
    writer: DiskWriter,
    disk: DiskCounter,
  ) {
    this.#request = request;
    this.#part = part;
    this.#unnamed = unnamed;
    this.#writer = writer;
    this.#disk = disk;
  }

  async write(bytes: Uint8Array): Promise<void> {
    checkRunning(this.#request);
    if (this.#head === undefined) return this.#forward(bytes);
    this.#head = Buffer.concat([this.#head, copyBytes(bytes)]);
    if (this.#head.length >= FILE_HEAD_BYTES) await this.#recognise();
  }

  /** @returns the kept file. Undefined if the content was a raw disk */
  async end(): Promise<FileHandle | undefined> {
    if (this.#head !== undefined) await this.#recognise();
    return this.#innerFile;
  }

  async #recognise(): Promise<void> {
    const head = this.#head ?? new Uint8Array(0);
    this.#head = undefined;
    if (requireFormat(head, this.#request.fileName) !== 'raw') this.#innerFile = await this.#unnamed();
    await this.#forward(head);
  }

  async #forward(bytes: Uint8Array): Promise<void> {
    const { file, fileName } = this.#request;
    if (this.#innerFile === undefined) return copyPiece({ kind: 'data', bytes }, this.#writer, this.#disk);
    const bytesMax = FILLED_BYTES + INNER_PER_BYTE_MAX * file.bytes;
    if (this.#bytes + bytes.length > bytesMax)
      throw unusable(fileName, `it expands to more than ${bytesMax} bytes, unlike any image; use the image of a disk`);
    await appendBytes(this.#innerFile, bytes, this.#bytes, this.#part);
    this.#bytes += bytes.length;
  }
}

async function copyExpanding(request: CopyRequest, out: BlobFile, disk: DiskCounter): Promise<void> {
  const expander = new ZstdExpansion((bytes) => void disk.count({ kind: 'data', bytes }));
  let done = 0;
  try {
    for await (const { bytes } of readImagePieces(request.file)) {
      await expander.write(bytes);
      await out.write(bytes);
      done += bytes.length;
      request.onProgress(done, request.file.bytes);
    }
    await expander.end();
  } finally {
    expander.close();
  }
}

/** Counts the bytes of the disk and keeps the first ones. */
class DiskCounter {
  readonly #request: CopyRequest;
  readonly #bytesMax: number;
  readonly #filledMax: number;
  #filled = 0;
  readonly #head: Uint8Array[] = [];
  bytes = 0;

  constructor(request: CopyRequest, bytesMax: number) {
    this.#request = request;
    this.#bytesMax = bytesMax;
    this.#filledMax = FILLED_BYTES + FILLED_PER_BYTE_MAX * request.file.bytes;
  }

  /** @returns the piece, or a hole if it has only zeroes */
  count(receivedPiece: DiskPiece): DiskPiece {
    checkRunning(this.#request);
    const { file, fileName, onDisk } = this.#request;
    const length = receivedPiece.kind === 'data' ? receivedPiece.bytes.length : receivedPiece.length;
    if (this.bytes + length > this.#bytesMax) {
      throw unusable(fileName, tooLarge(this.#bytesMax));
    }
    const piece: DiskPiece =
      receivedPiece.kind === 'data' && isZero(receivedPiece.bytes) ? { kind: 'hole', length } : receivedPiece;
    if (piece.kind === 'data') this.#filled += length;
    if (this.#filled > this.#filledMax) {
      const why = `its ${counted(file.bytes, 'byte')} expand to more than ${this.#filledMax} bytes without an empty part`;
      throw unusable(fileName, `${why}, unlike any disk; use the image of a disk`);
    }
    if (this.bytes < DISK_HEAD_BYTES) {
      const headBytes = Math.min(length, DISK_HEAD_BYTES);
      this.#head.push(piece.kind === 'data' ? copyBytes(piece.bytes, 0, headBytes) : new Uint8Array(headBytes));
    }
    this.bytes += length;
    onDisk?.(piece);
    return piece;
  }

  head(): Uint8Array {
    return copyBytes(Buffer.concat(this.#head), 0, DISK_HEAD_BYTES);
  }
}

/** @param bytes at most CHUNK_BYTES are compared */
const isZero = (bytes: Uint8Array): boolean =>
  bytes.length <= ZEROES.length && Buffer.compare(bytes, viewBytes(ZEROES, 0, bytes.length)) === 0;

/** True for the error of an expansion whose input is damaged or cut short. */
export function isDamage(reason: unknown): boolean {
  const code = osErrorCode(reason) ?? '';
  return code.startsWith('ZSTD_') || code === 'Z_BUF_ERROR' || code === 'Z_DATA_ERROR' || code === EXPANDING_FAILED;
}

/** Why a file cannot be expanded; undefined for an error that is not of the file. */
export function describeDamage(reason: unknown): { readonly why: string; readonly remedy: string } | undefined {
  if (!isDamage(reason)) return undefined;
  if (osErrorCode(reason) === WINDOW_TOO_LARGE)
    return { why: 'a machine could not expand it', remedy: 'compress it with zstd without --long, or with --long=27' };
  const why = `it cannot be expanded (${errorText(reason)}); it is damaged or cut short`;
  return { why, remedy: 'copy it again' };
}

function asDamage(reason: unknown, fileName: string): unknown {
  const damage = describeDamage(reason);
  return damage === undefined ? reason : unusable(fileName, `${damage.why}: ${damage.remedy}`, reason);
}
