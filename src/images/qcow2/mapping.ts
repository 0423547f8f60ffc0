// Decodes the tables of a qcow2 image, which map each part of the disk to its place in the file.
//
// Source: docs/interop/qcow2.rst of QEMU, sections "Cluster mapping" and "Extended L2 Entries".
//
//   L1 table ─▶ L2 table, one cluster ─▶ cluster of the disk:  hole | data in the file | compressed in the file
//
// 1. Every extent lies inside the file. Only the stated end of a compressed one may lie beyond it, by up to a cluster.
// 2. Reserved bits must be zero, and offsets must be aligned: anything else is damage.
// 3. A part of the disk that is not in the image is a hole: without a backing file it reads as zeroes.

import { type Qcow2Decoded, qcow2Fault, qcow2Value } from './fault.ts';
import { ENTRY_BYTES, type Qcow2Header } from './header.ts';

/** A part of the disk; `length` is its length on the disk. */
export type Extent =
  | { readonly kind: 'hole'; readonly length: number }
  /** `at`: its offset in the file. */
  | { readonly kind: 'data'; readonly at: number; readonly length: number }
  /** One compressed cluster, of which `length` bytes belong to the disk. `packedBytes` may be too large by up to a cluster. */
  | { readonly kind: 'packed'; readonly at: number; readonly packedBytes: number; readonly length: number };

/** Bits of the upper half of an entry: 63, 62, and those that are reserved. */
const COPIED = 0x8000_0000;
const COMPRESSED = 0x4000_0000;
const L1_RESERVED = 0x7f00_0000;
const STANDARD_RESERVED = 0x3f00_0000;
/** Bits of the lower half. */
const L1_LOW_RESERVED = 0x1ff;
const STANDARD_LOW_RESERVED = 0x1fe;
const READS_AS_ZEROES = 1;
const OFFSET_HIGH = 0x00ff_ffff;
const OFFSET_LOW = 0xffff_fe00;

const SUBCLUSTERS = 32;
const SECTOR_BYTES = 512;

/**
 * The offsets of the L2 tables; 0: no table, so the disk has a hole there.
 * @param piece entries of the L1 table
 * @param at the offset of the piece in the file
 */
export function* decodeL1Table(piece: Uint8Array, at: number, header: Qcow2Header): Generator<Qcow2Decoded<number>> {
  const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
  for (let entry = 0; entry < piece.length; entry += ENTRY_BYTES) {
    const high = view.getUint32(entry);
    const low = view.getUint32(entry + 4);
    const offset = offsetOf(high, low);
    const isReserved = (high & L1_RESERVED) !== 0 || (low & L1_LOW_RESERVED) !== 0;
    const isWrong = isReserved || offset % header.clusterBytes !== 0;
    yield isWrong ? qcow2Fault('bad-value', at + entry, 'L1 entry') : qcow2Value(offset);
  }
}

/**
 * The extents of an L2 table, in the order of the disk. Neighbouring holes are joined, and so is data that continues in the file.
 * @param table its entries, as many as the disk needs
 * @param at the table's offset in the file
 * @param covered how many bytes of the disk they describe
 */
export function* decodeL2Table(
  table: Uint8Array,
  at: number,
  covered: number,
  header: Qcow2Header,
  fileBytes: number,
): Generator<Qcow2Decoded<Extent>> {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const step = header.hasSubclusters ? 2 * ENTRY_BYTES : ENTRY_BYTES;
  let run: Extent | undefined;
  for (let entry = 0, done = 0; done < covered; entry += step, done += header.clusterBytes) {
    const extents = decodeEntry(view, entry, at, Math.min(header.clusterBytes, covered - done), header);
    if (!extents.ok) return yield extents;
    for (const extent of extents.value) {
      if (endOf(extent) > fileBytes) return yield qcow2Fault('truncated', at + entry, 'cluster');
      const longer = joined(run, extent);
      if (longer === undefined && run !== undefined) yield qcow2Value(run);
      run = longer ?? extent;
    }
  }
  if (run !== undefined) yield qcow2Value(run);
}

/** The lowest possible end of an extent in the file: the end of a compressed one is inexact. */
function endOf(extent: Extent): number {
  if (extent.kind === 'hole') return 0;
  return extent.kind === 'data' ? extent.at + extent.length : extent.at + 1;
}

/** Both extents as one; undefined: they cannot be joined. */
function joined(run: Extent | undefined, next: Extent): Extent | undefined {
  if (run?.kind === 'hole' && next.kind === 'hole') return { kind: 'hole', length: run.length + next.length };
  if (run?.kind !== 'data' || next.kind !== 'data' || run.at + run.length !== next.at) return undefined;
  return { kind: 'data', at: run.at, length: run.length + next.length };
}

function decodeEntry(
  view: DataView,
  entry: number,
  tableAt: number,
  length: number,
  header: Qcow2Header,
): Qcow2Decoded<readonly Extent[]> {
  const high = view.getUint32(entry);
  const low = view.getUint32(entry + 4);
  const wrong = qcow2Fault('bad-value', tableAt + entry, 'L2 entry');
  if ((high & COMPRESSED) !== 0) {
    const packed = decodePacked(high, low, length, header);
    return packed === undefined ? wrong : qcow2Value([packed]);
  }
  if ((high & STANDARD_RESERVED) !== 0 || (low & STANDARD_LOW_RESERVED) !== 0) return wrong;
  const isZero = (low & READS_AS_ZEROES) !== 0;
  if (isZero && (header.version === 2 || header.hasSubclusters)) return wrong;
  const offset = offsetOf(high, low);
  if (offset % header.clusterBytes !== 0) return wrong;
  // A cluster at offset 0 exists only in an external data file.
  if (offset === 0 && !isZero && (high & COPIED) !== 0) return wrong;
  if (header.hasSubclusters) {
    const extents = decodeSubclusters(view, entry, offset, length, header);
    return extents === undefined ? qcow2Fault('bad-value', tableAt + entry, 'subcluster bitmap') : qcow2Value(extents);
  }
  return qcow2Value([isZero || offset === 0 ? { kind: 'hole', length } : { kind: 'data', at: offset, length }]);
}

/** A compressed cluster ("Compressed Clusters Descriptor"); undefined: the entry is wrong. */
function decodePacked(high: number, low: number, length: number, header: Qcow2Header): Extent | undefined {
  // x of the specification, less the 32 bits of the lower half.
  const sectorsBit = 62 - (header.clusterBits - 8) - 32;
  const offsetHigh = high & (2 ** sectorsBit - 1);
  const at = offsetHigh * 2 ** 32 + low;
  if ((high & COPIED) !== 0 || offsetHigh > OFFSET_HIGH) return undefined;
  const furtherSectors = (high & (COMPRESSED - 1)) >>> sectorsBit;
  return { kind: 'packed', at, packedBytes: (furtherSectors + 1) * SECTOR_BYTES - (at % SECTOR_BYTES), length };
}

/** The subclusters of a cluster ("Extended L2 Entries"); undefined: the bitmap contradicts itself or the entry. */
function decodeSubclusters(
  view: DataView,
  entry: number,
  offset: number,
  length: number,
  header: Qcow2Header,
): readonly Extent[] | undefined {
  const zero = view.getUint32(entry + ENTRY_BYTES);
  const allocated = view.getUint32(entry + ENTRY_BYTES + 4);
  if ((zero & allocated) !== 0 || (offset === 0 && allocated !== 0)) return undefined;
  if (allocated === 0) return [{ kind: 'hole', length }];
  const bytes = header.clusterBytes / SUBCLUSTERS;
  const extents: Extent[] = [];
  for (let index = 0, done = 0; done < length; index += 1, done += bytes) {
    const part = Math.min(bytes, length - done);
    const isData = ((allocated >>> index) & 1) === 1;
    extents.push(isData ? { kind: 'data', at: offset + done, length: part } : { kind: 'hole', length: part });
  }
  return extents;
}

const offsetOf = (high: number, low: number): number => (high & OFFSET_HIGH) * 2 ** 32 + ((low & OFFSET_LOW) >>> 0);
