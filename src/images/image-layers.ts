// Unpacks a disk image that is compressed, in a tar archive, or both. Each layer is recognised by its first bytes.
//
//   bytes ─▶ LayerReader ─┬─ gzip, xz, zstd ─▶ expand ─▶ LayerReader
//                         ├─ tar ─▶ its image ─▶ LayerReader
//                         ├─ raw ─▶ the disk
//                         └─ qcow2 ─▶ a file without a name, which is converted once it is complete
//
// 1. At most LAYERS_MAX layers are unpacked.
// 2. The parts of a raw disk are passed on at once, without a copy. The tables of a qcow2 image may be anywhere in it, so the image
//    (not its disk) is first written to a file. That file has no name, so that nothing is left of it, however this process ends.
// 3. A qcow2 image may have at most twice its disk's bytes, plus TABLES_BYTES, and never more than DISK_BYTES_MAX. A raw disk is bounded
//    by its LayerTaker.

import { type FileHandle, open, rm } from 'node:fs/promises';
import { copyBytes, viewBytes } from '../net/borrowed-bytes.ts';
import { checkRoom, ROOM_CHECK_BYTES } from './blob-writing.ts';
import { FILE_HEAD_BYTES, type FileFormat, recogniseFormat } from './disk-image.ts';
import { beginExpansion, type Compression, type Expansion } from './image-expansion.ts';
import { TarReader } from './image-tar.ts';
import { DISK_BYTES_MAX, decodeQcow2Header, HEADER_BYTES } from './qcow2/header.ts';
import type { DiskPiece } from './qcow2/reading.ts';

/** Bound on the layers around an image: a compressed archive with a compressed image has three. */
const LAYERS_MAX = 3;
/** Bound on the bytes of a qcow2 image besides the content of its disk: its tables, and the bitmaps that some images have. */
const TABLES_BYTES = 64 * 1024 * 1024;
const ZEROES = new Uint8Array(64 * 1024);

/** The compression of each compressed format that `recogniseFormat` returns. */
const COMPRESSIONS: Readonly<Partial<Record<FileFormat, Compression>>> = { gzip: 'gzip', xz: 'xz', 'raw.zst': 'zstd' };

/** Receives the unpacked image. */
interface LayerTaker {
  /** The path at which the file for a qcow2 image is made, in a directory with room. */
  readonly spoolPath: string;
  /** Receives a part of a raw disk. */
  take(piece: DiskPiece): Promise<void>;
  /** Receives a complete qcow2 image. */
  convert(file: FileHandle): Promise<void>;
  /** Returns the error for a file that cannot be used. */
  refuse(why: string): Error;
  /** Called before each part of each layer. Throws if the work was stopped. */
  check(): void;
  /** Stops the programs that unpack layers, even one that hangs. */
  readonly signal?: AbortSignal | undefined;
}

/** The sink of one kind of content. */
interface Content {
  take(piece: DiskPiece): Promise<void>;
  end(): Promise<void>;
  close(): Promise<void>;
}

/** Reads one layer. */
export class LayerReader {
  readonly #taker: LayerTaker;
  readonly #depth: number;
  #head: Uint8Array[] | undefined = [];
  #headBytes = 0;
  #content: Content | undefined;

  constructor(taker: LayerTaker, depth = 0) {
    this.#taker = taker;
    this.#depth = depth;
  }

  /** Takes a part of the layer. Uses its bytes only until this resolves. */
  async take(piece: DiskPiece): Promise<void> {
    this.#taker.check();
    if (this.#head !== undefined && piece.kind === 'hole') {
      // The first bytes show the format, even if they are a hole.
      const shown = Math.min(piece.length, FILE_HEAD_BYTES - this.#headBytes);
      await this.take({ kind: 'data', bytes: viewBytes(ZEROES, 0, shown) });
      if (piece.length > shown) await this.take({ kind: 'hole', length: piece.length - shown });
      return;
    }
    if (this.#head === undefined) {
      await this.#content?.take(piece);
      return;
    }
    if (piece.kind === 'hole') return;
    const part = copyBytes(piece.bytes, 0, Math.min(piece.bytes.length, FILE_HEAD_BYTES - this.#headBytes));
    this.#head.push(part);
    this.#headBytes += part.length;
    if (this.#headBytes < FILE_HEAD_BYTES) return;
    await this.#open();
    const rest = viewBytes(piece.bytes, part.length);
    if (rest.length > 0) await this.take({ kind: 'data', bytes: rest });
  }

  async end(): Promise<void> {
    if (this.#head !== undefined) await this.#open();
    await this.#content?.end();
  }

  async close(): Promise<void> {
    await this.#content?.close();
  }

  async #open(): Promise<void> {
    const head = Buffer.concat(this.#head ?? []);
    this.#head = undefined;
    const recognised = recogniseFormat(head);
    if (!recognised.ok) throw this.#taker.refuse(recognised.problem);
    this.#content = this.#contentOf(recognised.format, head);
    if (head.length > 0) await this.#content.take({ kind: 'data', bytes: head });
  }

  #contentOf(format: FileFormat, head: Uint8Array): Content {
    if (format === 'raw') {
      const take = (piece: DiskPiece): Promise<void> => this.#taker.take(piece);
      return { take, end: async () => undefined, close: async () => undefined };
    }
    if (format === 'qcow2') return new Spool(this.#taker, head);
    if (this.#depth >= LAYERS_MAX)
      throw this.#taker.refuse(`it is packed more than ${LAYERS_MAX} times: unpack it first`);
    const inner = new LayerReader(this.#taker, this.#depth + 1);
    const compression = COMPRESSIONS[format];
    return compression === undefined
      ? new TarContent(inner)
      : new ExpandedContent(compression, inner, this.#taker.signal);
  }
}

class ExpandedContent implements Content {
  readonly #inner: LayerReader;
  readonly #expansion: Expansion;

  constructor(compression: Compression, inner: LayerReader, signal: AbortSignal | undefined) {
    this.#inner = inner;
    this.#expansion = beginExpansion(compression, (bytes) => inner.take({ kind: 'data', bytes }), signal);
  }

  async take(piece: DiskPiece): Promise<void> {
    for (const bytes of bytesOf(piece)) await this.#expansion.write(bytes);
  }

  async end(): Promise<void> {
    await this.#expansion.end();
    await this.#inner.end();
  }

  async close(): Promise<void> {
    this.#expansion.close();
    await this.#inner.close();
  }
}

class TarContent implements Content {
  readonly #inner: LayerReader;
  readonly #reader: TarReader;

  constructor(inner: LayerReader) {
    this.#inner = inner;
    this.#reader = new TarReader({
      begin: () => undefined,
      take: (piece) => inner.take(piece),
      end: () => inner.end(),
    });
  }

  async take(piece: DiskPiece): Promise<void> {
    for (const bytes of bytesOf(piece)) await this.#reader.write(bytes);
  }

  async end(): Promise<void> {
    await this.#reader.end();
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }
}

/** Keeps a qcow2 image until it is complete. */
class Spool implements Content {
  readonly #taker: LayerTaker;
  readonly #bytesMax: number;
  #opening: Promise<FileHandle> | undefined;
  #bytes = 0;
  #checkedAt = 0;

  constructor(taker: LayerTaker, head: Uint8Array) {
    this.#taker = taker;
    // The whole header is checked only later. An image that will be refused then has a bound here, too.
    const header = decodeQcow2Header(viewBytes(head, 0, HEADER_BYTES), Number.MAX_SAFE_INTEGER);
    this.#bytesMax = 2 * (header.ok ? header.value.diskBytes : 0) + TABLES_BYTES;
  }

  async take(piece: DiskPiece): Promise<void> {
    const length = piece.kind === 'data' ? piece.bytes.length : piece.length;
    if (this.#bytes + length > Math.min(this.#bytesMax, DISK_BYTES_MAX))
      throw this.#taker.refuse(
        `its QEMU image expands to more than ${this.#bytesMax} bytes, more than its disk can need`,
      );
    const file = await this.#file();
    if (piece.kind === 'data') {
      for (let done = 0; done < length; ) {
        const { bytesWritten } = await file.write(piece.bytes, done, length - done, this.#bytes + done);
        done += bytesWritten;
      }
    }
    this.#bytes += length;
    if (this.#bytes - this.#checkedAt < ROOM_CHECK_BYTES) return;
    this.#checkedAt = this.#bytes;
    await checkRoom(this.#taker.spoolPath, 0);
  }

  async end(): Promise<void> {
    const file = await this.#file();
    await file.truncate(this.#bytes);
    await this.#taker.convert(file);
  }

  async close(): Promise<void> {
    await (await this.#opening?.catch(() => undefined))?.close();
  }

  #file(): Promise<FileHandle> {
    this.#opening ??= (async () => {
      const file = await open(this.#taker.spoolPath, 'wx+', 0o600);
      await rm(this.#taker.spoolPath);
      return file;
    })();
    return this.#opening;
  }
}

/** The bytes of a piece; a hole gives zeroes. */
function* bytesOf(piece: DiskPiece): Generator<Uint8Array> {
  if (piece.kind === 'data') yield piece.bytes;
  else for (let left = piece.length; left > 0; left -= ZEROES.length) yield viewBytes(ZEROES, 0, left);
}
