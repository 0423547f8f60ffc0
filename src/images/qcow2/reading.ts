// Reads the disk that a qcow2 image describes, in the order of the disk, without an expanded copy.
//
//   L1 table, in pieces ─▶ one L2 table at a time ─▶ extents ─▶ several reads and expansions at once ─▶ pieces in order
//
// Source: docs/interop/qcow2.rst of QEMU.
//
// 1. Whatever the image says, at most PARTS_AHEAD_MAX parts are read or expanded at once, together about AHEAD_BYTES_MAX. The tables take one
//    cluster and one piece of the L1 table.
// 2. An image is refused if its data and L2 tables together have more bytes than the file, so reading ends even if tables overlap.
// 3. A compressed cluster must expand to exactly one cluster. Several may share bytes, because together they are no larger than the disk.
// 4. Pieces before a fault may already have been yielded. Nothing follows a fault.

import { promisify } from 'node:util';
import { inflateRaw, constants as zlib, zstdDecompress } from 'node:zlib';
import { viewBytes } from '../../net/borrowed-bytes.ts';
import { type Qcow2Decoded, qcow2Fault, qcow2Value } from './fault.ts';
import { decodeQcow2Header, ENTRY_BYTES, HEADER_BYTES, type Qcow2Header } from './header.ts';
import { decodeL1Table, decodeL2Table, type Extent } from './mapping.ts';

/** The bytes of an image. */
export interface ImageBytes {
  /** The size of the whole image. */
  readonly bytes: number;
  /** Reads `length` bytes from `at` on into a new buffer; fewer at the end of the file. A read may wait until its bytes are downloaded. */
  read(at: number, length: number): Promise<Uint8Array>;
}

/** A part of a disk: its bytes, or a length of zeroes. */
export type DiskPiece =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'hole'; readonly length: number };

const L1_ENTRIES_AT_ONCE = 8192;
/** Data is read in parts of at most this many bytes. */
const PART_BYTES_MAX = 1024 * 1024;
const PARTS_AHEAD_MAX = 16;
const AHEAD_BYTES_MAX = 8 * 1024 * 1024;
/** zlib gets room for more than a cluster. Only then does it stop at the end of a cluster, and report that more bytes follow. */
const SLACK_BYTES = 64;
/** A frame of Zstandard may look back this far, as a power of two in bytes: four of the largest clusters. */
const WINDOW_LOG_MAX = 23;

/** Reads and decodes the header. Rejects only as `source.read` does. */
export async function openQcow2(source: ImageBytes): Promise<Qcow2Decoded<Qcow2Header>> {
  return decodeQcow2Header(await source.read(0, HEADER_BYTES), source.bytes);
}

/**
 * Yields the whole disk in pieces, or the pieces before a fault and then the fault. A piece of data has at most a cluster or PART_BYTES_MAX,
 * and is valid until the next one is requested. Rejects only as `source.read` does.
 */
export async function* readQcow2(source: ImageBytes, header: Qcow2Header): AsyncGenerator<Qcow2Decoded<DiskPiece>> {
  const parts = readParts(source, header);
  const ahead: { readonly reading: Promise<Qcow2Decoded<DiskPiece>>; readonly bytes: number }[] = [];
  let aheadBytes = 0;
  try {
    for (let isEnd = false; !isEnd || ahead.length > 0; ) {
      if (!isEnd && ahead.length < PARTS_AHEAD_MAX && aheadBytes < AHEAD_BYTES_MAX) {
        const { done, value: part } = await parts.next();
        isEnd = done === true;
        if (part === undefined) continue;
        const reading = part.ok ? readPart(source, header, part.value) : Promise.resolve(part);
        // It is awaited below; until then, a rejection must not count as unhandled.
        reading.catch(() => undefined);
        const bytes = part.ok && part.value.kind !== 'hole' ? part.value.length : 0;
        ahead.push({ reading, bytes });
        aheadBytes += bytes;
        continue;
      }
      const next = ahead.shift();
      if (next === undefined) continue;
      aheadBytes -= next.bytes;
      const piece = await next.reading;
      yield piece;
      if (!piece.ok) return;
      release(piece.value);
    }
  } finally {
    // The caller may close its file after this.
    await Promise.allSettled(ahead.map(({ reading }) => reading));
  }
}

/** The extents of the whole disk; extents of data are cut into parts. */
async function* readParts(source: ImageBytes, header: Qcow2Header): AsyncGenerator<Qcow2Decoded<Extent>> {
  for await (const found of readExtents(source, header)) {
    if (!found.ok || found.value.kind !== 'data') {
      yield found;
      continue;
    }
    const { at, length } = found.value;
    for (let done = 0; done < length; done += PART_BYTES_MAX) {
      yield qcow2Value({ kind: 'data', at: at + done, length: Math.min(PART_BYTES_MAX, length - done) });
    }
  }
}

async function* readExtents(source: ImageBytes, header: Qcow2Header): AsyncGenerator<Qcow2Decoded<Extent>> {
  const { clusterBytes, diskBytes, l1At, l1Entries } = header;
  /** The size of the file, less the data and L2 tables found so far. */
  let unused = source.bytes;
  let hole = 0;
  let done = 0;
  for (let first = 0; first < l1Entries; first += L1_ENTRIES_AT_ONCE) {
    const l1PieceAt = l1At + first * ENTRY_BYTES;
    const l1Bytes = Math.min(L1_ENTRIES_AT_ONCE, l1Entries - first) * ENTRY_BYTES;
    const l1Piece = await source.read(l1PieceAt, l1Bytes);
    if (l1Piece.length < l1Bytes) return yield qcow2Fault('truncated', l1PieceAt, 'L1 table');
    for (const tableAt of decodeL1Table(l1Piece, l1PieceAt, header)) {
      if (!tableAt.ok) return yield tableAt;
      const covered = Math.min(clusterBytes * header.l2Entries, diskBytes - done);
      done += covered;
      if (tableAt.value === 0) {
        hole += covered;
        continue;
      }
      const tableBytes = Math.ceil(covered / clusterBytes) * (clusterBytes / header.l2Entries);
      const table = await source.read(tableAt.value, tableBytes);
      if (table.length < tableBytes) return yield qcow2Fault('truncated', tableAt.value, 'L2 table');
      unused -= tableBytes;
      for (const extent of decodeL2Table(table, tableAt.value, covered, header, source.bytes)) {
        if (!extent.ok) return yield extent;
        if (extent.value.kind === 'data') unused -= extent.value.length;
        if (unused < 0) return yield qcow2Fault('too-long', tableAt.value, 'clusters');
        if (extent.value.kind === 'hole') {
          hole += extent.value.length;
          continue;
        }
        if (hole > 0) yield qcow2Value({ kind: 'hole', length: hole });
        hole = 0;
        yield extent;
      }
    }
  }
  if (hole > 0) yield qcow2Value({ kind: 'hole', length: hole });
}

async function readPart(source: ImageBytes, header: Qcow2Header, part: Extent): Promise<Qcow2Decoded<DiskPiece>> {
  if (part.kind === 'hole') return qcow2Value(part);
  if (part.kind === 'data') {
    const bytes = await source.read(part.at, part.length);
    return bytes.length < part.length
      ? qcow2Fault('truncated', part.at, 'cluster')
      : qcow2Value({ kind: 'data', bytes });
  }
  const packed = await source.read(part.at, Math.min(part.packedBytes, source.bytes - part.at));
  const cluster = await expand(packed, header);
  if (cluster?.length !== header.clusterBytes) return qcow2Fault('bad-value', part.at, 'compressed cluster');
  return qcow2Value({ kind: 'data', bytes: viewBytes(cluster, 0, part.length) });
}

/** The bytes of a compressed cluster; undefined: they cannot be expanded. */
async function expand(packed: Uint8Array, header: Qcow2Header): Promise<Uint8Array | undefined> {
  const room = { chunkSize: header.clusterBytes + SLACK_BYTES, maxOutputLength: header.clusterBytes };
  const expansion =
    header.compression === 'deflate'
      ? promisify(inflateRaw)(packed, room)
      : promisify(zstdDecompress)(packed, { ...room, params: { [zlib.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX } });
  // A rejection means damaged bytes. Wrong options would be a bug here, for which zlib throws at once.
  return await expansion.catch(() => undefined);
}

/**
 * Releases the memory of a piece: the garbage collector would let hundreds of MiB pile up first. A small buffer of zlib is part of a larger
 * one, and is not released.
 */
function release(piece: DiskPiece): void {
  if (piece.kind === 'hole') return;
  const { buffer, byteOffset, byteLength } = piece.bytes;
  const isOwner = byteOffset === 0 && buffer.byteLength - byteLength <= SLACK_BYTES;
  if (buffer instanceof ArrayBuffer && isOwner) buffer.transfer(0);
}
