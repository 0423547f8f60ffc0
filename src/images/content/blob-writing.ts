// Writes the bytes of an image into the store: raw with holes, or compressed with Zstandard.
//
//   pieces of a disk ─▶ DiskPacker ─▶ BlobFile         compressed: frames of data and frames of zeroes, which expand to the disk
//   pieces of a disk ────────────────▶ BlobFile         raw, with holes
//
// Source: RFC 8878 §3.1.1 (frames, blocks).
//
// 1. The same pieces give the same bytes.
// 2. In a compressed disk, each 128 KiB of a large hole takes 4 bytes and no compression.
// 3. RESERVE_BYTES of the store's disk stay free, however large an expanded image becomes.

import { createHash } from 'node:crypto';
import { type FileHandle, open, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createZstdCompress, constants as zlib } from 'node:zlib';
import { viewBytes } from '../../ground/borrowed-bytes.ts';
import { mebibytes } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { Conversion, PIECE_BYTES } from './conversion.ts';

/** Receives the parts of a disk, in order. */
export interface DiskWriter {
  write(bytes: Uint8Array): Promise<void>;
  /** Continues the disk with `length` zeroes. */
  skip(length: number): Promise<void>;
  end(): Promise<void>;
  close(): Promise<void>;
}

/** Space that must stay free on the disk of the tree. */
export const RESERVE_BYTES = 256 * 1024 * 1024;
/** The free space is checked after this many written bytes. */
export const SPACE_CHECK_BYTES = 64 * 1024 * 1024;
/** Level 9 takes twice as long as level 3 and saves a seventh of the size, in each of many deployments. */
const ZSTD_OPTIONS = {
  chunkSize: PIECE_BYTES,
  params: { [zlib.ZSTD_c_compressionLevel]: 9, [zlib.ZSTD_c_checksumFlag]: 1 },
};
/** A shorter hole is compressed with its surroundings, because a new frame cannot refer to earlier bytes. */
const EMPTY_FRAME_BYTES_MIN = 16 * 1024 * 1024;
const ZEROES = new Uint8Array(1024 * 1024);

/** @throws RackError `store-unwritable` if the disk of `path` has no room for `needed` bytes */
export async function checkSpace(path: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  const free = bavail * bsize;
  if (free >= needed + RESERVE_BYTES) return;
  // This number is rounded down and the other up, so they always differ.
  const why = `${dirname(path)} has ${Math.floor(free / 2 ** 20)} MiB left, but ${mebibytes(needed + RESERVE_BYTES)} are needed`;
  throw new RackError('store-unwritable', `${why}: free space, or remove unneeded images`);
}

/** A new file that is hashed while it is written. */
export class BlobFile implements DiskWriter {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #checkedBytes = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  static async create(path: string): Promise<BlobFile> {
    return new BlobFile(path, await open(path, 'wx', 0o644));
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#bytes);
      done += bytesWritten;
      this.#bytes += bytesWritten;
    }
    if (this.#bytes - this.#checkedBytes < SPACE_CHECK_BYTES) return;
    this.#checkedBytes = this.#bytes;
    await checkSpace(this.#path, 0);
  }

  async skip(length: number): Promise<void> {
    for (const zeroes of generateZeroes(length)) this.#hash.update(zeroes);
    this.#bytes += length;
  }

  async end(): Promise<void> {
    // A hole at the end is not written.
    await this.#file.truncate(this.#bytes);
    await this.#file.chmod(0o644);
    await this.#file.sync();
  }

  /** The hash and the size of the file; call it only once. */
  facts(): { readonly sha256: string; readonly bytes: number } {
    return { sha256: this.#hash.digest('hex'), bytes: this.#bytes };
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

export class DiskPacker implements DiskWriter {
  readonly #out: BlobFile;
  #frame: Conversion | undefined;
  #hole = 0;

  constructor(out: BlobFile) {
    this.#out = out;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#endHole();
    await this.#pack(bytes);
  }

  async skip(length: number): Promise<void> {
    this.#hole += length;
  }

  async end(): Promise<void> {
    await this.#endHole();
    await this.#endFrame();
    await this.#out.end();
  }

  async close(): Promise<void> {
    this.#frame?.close();
    await this.#out.close();
  }

  async #pack(bytes: Uint8Array): Promise<void> {
    this.#frame ??= new Conversion(createZstdCompress(ZSTD_OPTIONS), (piece) => this.#out.write(piece));
    await this.#frame.write(bytes);
  }

  async #endHole(): Promise<void> {
    const length = this.#hole;
    this.#hole = 0;
    if (length < EMPTY_FRAME_BYTES_MIN) {
      for (const zeroes of generateZeroes(length)) await this.#pack(zeroes);
      return;
    }
    await this.#endFrame();
    for (const piece of emptyFrame(length)) await this.#out.write(piece);
  }

  async #endFrame(): Promise<void> {
    await this.#frame?.end();
    this.#frame = undefined;
  }
}

function* generateZeroes(length: number): Generator<Uint8Array> {
  for (let remaining = length; remaining > 0; remaining -= ZEROES.length) yield viewBytes(ZEROES, 0, remaining);
}

/** Magic number; no content size, checksum or dictionary; a window of 128 KiB (RFC 8878 §3.1.1.1). */
const FRAME_HEADER = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3);
const BLOCK_BYTES_MAX = 128 * 1024;
const BLOCKS_AT_ONCE = 16_384;
const FULL_BLOCKS = new Uint8Array(4 * BLOCKS_AT_ONCE);
for (let offset = 0; offset < FULL_BLOCKS.length; offset += 4)
  FULL_BLOCKS.set(emptyBlock(BLOCK_BYTES_MAX, false), offset);

/** A frame that expands to zeroes. */
function* emptyFrame(length: number): Generator<Uint8Array> {
  yield FRAME_HEADER;
  const last = length % BLOCK_BYTES_MAX || BLOCK_BYTES_MAX;
  for (
    let remainingBlocks = (length - last) / BLOCK_BYTES_MAX;
    remainingBlocks > 0;
    remainingBlocks -= BLOCKS_AT_ONCE
  ) {
    yield viewBytes(FULL_BLOCKS, 0, 4 * remainingBlocks);
  }
  yield emptyBlock(last, true);
}

/** A block that expands to `length` zeroes (RFC 8878 §3.1.1.2, RLE_Block). */
function emptyBlock(length: number, isLast: boolean): Uint8Array {
  const header = (length << 3) | (1 << 1) | Number(isLast);
  return Uint8Array.of(header & 0xff, (header >>> 8) & 0xff, header >>> 16, 0);
}
