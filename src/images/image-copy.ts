// Copies a disk image into a new file of the store: recognises, checks, hashes, converts and counts it on the way.
//
//   raw, qcow2 ─▶ pieces of the disk ─▶ count ─▶ compress, or leave holes ─▶ hash, write
//   raw.zst    ─▶ bytes of the file  ─▶ hash, write, and expand ─▶ count
//   packed     ─▶ unpack (image-layers.ts) ─▶ as raw, or as qcow2
//
// 1. A compressed image is expanded while it is copied, so a damaged or truncated one is refused, and its expanded size is known.
// 2. An image of QEMU is converted while it is read. No expanded copy of it exists.
// 3. A copy can be stopped between two pieces of 1 MiB at most, in each layer.
// 4. Zeroes that arrive as data become holes, piece by piece: 2 TiB of them need neither space nor work of the compressor.
// 5. Only a few pieces of an image are in memory at a time, however large its disk is.

import { shellWord } from '../clean-text.ts';
import { counted } from '../counted.ts';
import { errorText, osErrorCode, RackError } from '../errors.ts';
import { copyBytes, viewBytes } from '../net/borrowed-bytes.ts';
import { BlobFile, checkRoom, DiskPacker, type DiskWriter } from './blob-writing.ts';
import { releaseMemory } from './conversion.ts';
import {
  DISK_HEAD_BYTES,
  FILE_HEAD_BYTES,
  type FileFormat,
  findPartitionTable,
  type GivenFormat,
  type ImageFormat,
  NO_TABLE,
  type PartitionTable,
  recogniseFormat,
} from './disk-image.ts';
import { EXPANDING_FAILED } from './image-expansion.ts';
import { bytesOfFile } from './image-file.ts';
import { LayerReader } from './image-layers.ts';
import { TarFault } from './image-tar.ts';
import { describeQcow2Fault, type Qcow2Decoded } from './qcow2/fault.ts';
import { DISK_BYTES_MAX } from './qcow2/header.ts';
import { type DiskPiece, type ImageBytes, openQcow2, readQcow2 } from './qcow2/reading.ts';
import { ZstdExpansion } from './zstd-expansion.ts';

/** The file to copy. */
export interface CopyRequest {
  /** The image; a read may wait until the download has reached its bytes. */
  readonly file: ImageBytes;
  /** The name of the file in messages. */
  readonly fileName: string;
  /** Store the disk compressed with Zstandard; undefined: only if the file is not a raw image. */
  readonly compress?: boolean | undefined;
  /** The largest accepted disk, in bytes; undefined: DISK_BYTES_MAX. Only tests set it, because expanding 2 TiB takes long. */
  readonly diskBytesMax?: number | undefined;
  /** Ends the copy, even if all bytes have arrived and it only expands them. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the parts of the disk, in order. */
  readonly onDisk?: ((piece: DiskPiece) => void) | undefined;
  /** Called during the copy. Both numbers are bytes of the disk, or bytes of the file if it is compressed or an archive. */
  readonly onProgress: (done: number, total: number) => void;
}

/** The result of a copy. */
export interface Copy {
  /** `packed`: compressed, or in an archive. */
  readonly given: GivenFormat | 'packed';
  readonly format: ImageFormat;
  readonly sha256: string;
  readonly bytes: number;
  readonly diskBytes: number;
  readonly partitionTable: PartitionTable;
}

/** Bytes read at a time. */
const CHUNK_BYTES = 1024 * 1024;
const WINDOW_TOO_LARGE = 'ZSTD_error_frameParameter_windowTooLarge';
/**
 * Bytes of a disk, apart from zeroes, that a file may contain for each of its own bytes, and those that any file may contain. No real disk is
 * nearly as uniform. Without this bound, a file of 200 KiB could occupy a processor for an hour.
 */
const FILLED_PER_BYTE_MAX = 2048;
const FILLED_BYTES = 1024 ** 3;
const ZEROES = new Uint8Array(CHUNK_BYTES);

/**
 * Copies the image into the new file `part`.
 *
 * @throws RackError `bad-argument` for an unusable image, `store-unwritable` if the disk lacks space
 */
export async function copyImage(request: CopyRequest, part: string): Promise<Copy> {
  const { file, fileName } = request;
  const recognised = recogniseFormat(await file.read(0, FILE_HEAD_BYTES));
  if (!recognised.ok) throw unusable(fileName, recognised.problem);
  const diskBytesMax = request.diskBytesMax ?? DISK_BYTES_MAX;
  if (file.bytes > diskBytesMax) throw unusable(fileName, tooLarge(diskBytesMax));
  await checkRoom(part, file.bytes);
  const given = await givenFormat(request, recognised.format);
  const format = given === 'raw.zst' || (request.compress ?? given !== 'raw') ? 'raw.zst' : 'raw';
  const disk = new DiskCounter(request, diskBytesMax);
  const stored = await transfer(request, { part, given, format }, disk);
  const partitionTable = findPartitionTable(disk.head());
  if (partitionTable === undefined) throw unusable(fileName, NO_TABLE);
  if (disk.bytes % 512 !== 0) {
    const why = 'which is not a whole number of sectors; it was probably cut short';
    throw unusable(fileName, `it has ${counted(disk.bytes, 'byte')}, ${why}`);
  }
  return { given, format, ...stored, diskBytes: disk.bytes, partitionTable };
}

/** The error for a file that cannot be added. @param why may show commands with the word FILE, which is replaced by the name of the file */
export const unusable = (fileName: string, why: string, cause?: unknown): RackError => {
  const shown = why.replaceAll(/\bFILE\b/g, () => shellWord(fileName));
  return new RackError('bad-argument', `${fileName} cannot be added: ${shown}`, { cause });
};

/** @throws RackError `cancelled` if the copy was stopped */
function checkRunning({ signal }: Pick<CopyRequest, 'signal'>): void {
  if (signal?.aborted === true) throw new RackError('cancelled', 'the import was stopped');
}

const tooLarge = (bytesMax: number): string =>
  `it would fill more than ${bytesMax} bytes of a disk; use an image that fits on a disk`;

/** Decides how a file is copied: a Zstandard file may contain another kind of image, or an archive, which must be unpacked. */
async function givenFormat(request: CopyRequest, found: FileFormat): Promise<GivenFormat | 'packed'> {
  if (found === 'gzip' || found === 'xz' || found === 'tar') return 'packed';
  if (found !== 'raw.zst') return found;
  const inner = recogniseFormat(await expandHead(await request.file.read(0, CHUNK_BYTES)));
  return inner.ok && inner.format === 'raw' ? 'raw.zst' : 'packed';
}

/** Expands the beginning of a Zstandard file. @returns FILE_HEAD_BYTES, or fewer if `bytes` expand to fewer */
async function expandHead(bytes: Uint8Array): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const enough = new Error('enough');
  const expander = new ZstdExpansion((piece) => {
    parts.push(copyBytes(piece, 0, FILE_HEAD_BYTES));
    length += piece.length;
    if (length >= FILE_HEAD_BYTES) throw enough;
  });
  try {
    await expander.write(bytes);
    await expander.end();
  } catch {
    // Either these bytes are enough, or the file is damaged, which the copy detects.
  } finally {
    expander.close();
  }
  return copyBytes(Buffer.concat(parts), 0, FILE_HEAD_BYTES);
}

/** The file to write, the given format and the stored format. */
interface TransferTerms {
  readonly part: string;
  readonly given: GivenFormat | 'packed';
  readonly format: ImageFormat;
}

/** Copies the file. @returns the hash and the size of the stored file */
async function transfer(
  request: CopyRequest,
  { part, given, format }: TransferTerms,
  disk: DiskCounter,
): Promise<Pick<Copy, 'sha256' | 'bytes'>> {
  const out = await BlobFile.create(part);
  const writer = format === given || format === 'raw' ? out : new DiskPacker(out);
  try {
    if (given === 'raw.zst') await copyExpanding(request, out, disk);
    else if (given === 'raw') await copyDisk(piecesOf(request.file), request.file.bytes, request, writer, disk);
    else if (given === 'qcow2') await convertQcow2(request, writer, disk);
    else await unpack(request, part, writer, disk);
    await writer.end();
    return out.facts();
  } catch (error) {
    throw asDamage(error, request.fileName);
  } finally {
    await writer.close();
  }
}

/** Copies the pieces of a disk of `total` bytes. */
async function copyDisk(
  pieces: AsyncIterable<DiskPiece>,
  total: number,
  request: CopyRequest,
  writer: DiskWriter,
  disk: DiskCounter,
): Promise<void> {
  for await (const given of pieces) {
    const piece = disk.take(given);
    if (piece.kind === 'data') await writer.write(piece.bytes);
    else await writer.skip(piece.length);
    request.onProgress(disk.bytes, total);
  }
}

async function unpack(request: CopyRequest, part: string, writer: DiskWriter, disk: DiskCounter): Promise<void> {
  const { file, fileName, onProgress } = request;
  const layers = new LayerReader({
    spoolPath: `${part}-0`,
    take: async (given) => {
      const piece = disk.take(given);
      if (piece.kind === 'data') await writer.write(piece.bytes);
      else await writer.skip(piece.length);
    },
    convert: async (spooled) => {
      const image = await bytesOfFile(spooled, fileName);
      await convertQcow2({ ...request, file: image, onProgress: () => undefined }, writer, disk);
    },
    refuse: (why) => unusable(fileName, why),
    check: () => checkRunning(request),
    signal: request.signal,
  });
  let done = 0;
  try {
    for await (const piece of piecesOf(file)) {
      const { length } = piece.bytes;
      await layers.take(piece);
      done += length;
      onProgress(done, file.bytes);
    }
    await layers.end();
  } catch (error) {
    checkRunning(request);
    throw error instanceof TarFault ? unusable(fileName, error.message, error) : error;
  } finally {
    await layers.close();
  }
}

async function convertQcow2(request: CopyRequest, writer: DiskWriter, disk: DiskCounter): Promise<void> {
  const { file: source, fileName } = request;
  const orRefuse = <T>(found: Qcow2Decoded<T>): T => {
    if (!found.ok) throw unusable(fileName, describeQcow2Fault(found.fault));
    return found.value;
  };
  const header = orRefuse(await openQcow2(source));
  async function* pieces(): AsyncGenerator<DiskPiece> {
    for await (const piece of readQcow2(source, header)) yield orRefuse(piece);
  }
  await copyDisk(pieces(), header.diskBytes, request, writer, disk);
}

/** Copies a compressed file unchanged, and expands it to count the bytes of its disk. */
async function copyExpanding(request: CopyRequest, out: BlobFile, disk: DiskCounter): Promise<void> {
  const expander = new ZstdExpansion((bytes) => void disk.take({ kind: 'data', bytes }));
  let done = 0;
  try {
    for await (const { bytes } of piecesOf(request.file)) {
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

/** The content of a file. A piece is valid until the next one is requested. @throws RackError `bad-argument` if it ends early */
export async function* piecesOf(file: ImageBytes): AsyncGenerator<DiskPiece & { readonly kind: 'data' }> {
  for (let at = 0; at < file.bytes; ) {
    const bytes = await file.read(at, CHUNK_BYTES);
    if (bytes.length === 0)
      throw new RackError(
        'bad-argument',
        `the file ends after ${at} of its ${counted(file.bytes, 'byte')}: copy it again`,
      );
    at += bytes.length;
    yield { kind: 'data', bytes };
    releaseMemory(bytes);
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

  /**
   * @returns the piece, or a hole if it has only zeroes
   * @throws RackError `bad-argument` if the disk is too large, `cancelled` if the copy was stopped
   */
  take(given: DiskPiece): DiskPiece {
    checkRunning(this.#request);
    const { file, fileName, onDisk } = this.#request;
    const length = given.kind === 'data' ? given.bytes.length : given.length;
    if (this.bytes + length > this.#bytesMax) {
      throw unusable(fileName, tooLarge(this.#bytesMax));
    }
    const piece: DiskPiece = given.kind === 'data' && isZero(given.bytes) ? { kind: 'hole', length } : given;
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

/** Turns the error of an expansion into one of the file; other errors stay unchanged. */
function asDamage(reason: unknown, fileName: string): unknown {
  const damage = describeDamage(reason);
  return damage === undefined ? reason : unusable(fileName, `${damage.why}: ${damage.remedy}`, reason);
}
