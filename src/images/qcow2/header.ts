// Decodes the header of a qcow2 image.
//
// Source: docs/interop/qcow2.rst of QEMU (qcow2.txt until QEMU 9), here named by section: "Header", "Additional fields".
//
// 1. An image is refused if its bytes alone do not yield the disk: it has a backing file or an external data file, or is encrypted.
// 2. An image that was not closed, or is marked corrupt, is refused: its tables may be wrong.
// 3. Header extensions, refcounts and snapshots are not read: without the features above, they do not change the content of the disk.

import { type Qcow2Decoded, type Qcow2Fault, qcow2Fault, qcow2Value } from './fault.ts';

/** The disk's size and the place of its tables, from the header. */
export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  /** 2 to the power of `clusterBits`: 512 to 2 MiB. */
  readonly clusterBytes: number;
  /** A multiple of the sector size, 512 bytes. */
  readonly diskBytes: number;
  /** The offset of the L1 table. */
  readonly l1At: number;
  /** As many as the disk needs; further entries may hold the memory of a virtual machine. */
  readonly l1Entries: number;
  /** Entries of an L2 table. */
  readonly l2Entries: number;
  /** True if each L2 entry has a bitmap of its subclusters. */
  readonly hasSubclusters: boolean;
  readonly compression: 'deflate' | 'zstd';
}

/**
 * The largest disk of an image of any format, in bytes: the limit of an MBR partition table. A hole takes no space in the image, but storing
 * its zeroes takes time and space, so a larger disk is refused by its size alone.
 */
export const DISK_BYTES_MAX = 2 * 1024 ** 4;
/** How many bytes at the beginning of a file contain all fields of the header that are read. */
export const HEADER_BYTES = 112;
const V2_BYTES = 72;
const V3_BYTES = 104;
const MAGIC = 0x5146_49fb;
/** QEMU accepts no larger clusters. */
const CLUSTER_BITS_MAX = 21;
const CLUSTER_BITS_MIN = 9;
const EXTENDED_CLUSTER_BITS_MIN = 14;
export const ENTRY_BYTES = 8;
const SECTOR_BYTES = 512;

const DIRTY = 1;
const CORRUPT = 2;
const EXTERNAL_DATA = 4;
const COMPRESSION_TYPE = 8;
const EXTENDED_L2 = 16;
const KNOWN_FEATURES = DIRTY | CORRUPT | EXTERNAL_DATA | COMPRESSION_TYPE | EXTENDED_L2;

/** Offsets of the fields. */
const AT = {
  magic: 0,
  version: 4,
  backingFile: 8,
  clusterBits: 20,
  size: 24,
  cryptMethod: 32,
  l1Size: 36,
  l1Table: 40,
  features: 72,
  headerLength: 100,
  compressionType: 104,
} as const;

/**
 * Decodes a header.
 * @param bytes the first HEADER_BYTES of the file, or all of a shorter one
 * @param fileBytes the size of the file
 */
export function decodeQcow2Header(bytes: Uint8Array, fileBytes: number): Qcow2Decoded<Qcow2Header> {
  if (bytes.length < V2_BYTES) return qcow2Fault('truncated', bytes.length, 'header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(AT.version);
  if (view.getUint32(AT.magic) !== MAGIC) return qcow2Fault('bad-value', AT.magic, 'magic');
  if (version !== 2 && version !== 3) return qcow2Fault('bad-value', AT.version, 'version');
  const features = version === 2 ? qcow2Value(PLAIN) : decodeFeatures(view);
  if (!features.ok) return features;
  const { hasSubclusters } = features.value;
  if (view.getBigUint64(AT.backingFile) !== 0n) return wrong(AT.backingFile, 'backing_file_offset');
  if (view.getUint32(AT.cryptMethod) !== 0) return wrong(AT.cryptMethod, 'crypt_method');
  const clusterBits = view.getUint32(AT.clusterBits);
  const bitsMin = hasSubclusters ? EXTENDED_CLUSTER_BITS_MIN : CLUSTER_BITS_MIN;
  if (clusterBits < bitsMin || clusterBits > CLUSTER_BITS_MAX) return wrong(AT.clusterBits, 'cluster_bits');
  const clusterBytes = 2 ** clusterBits;
  const size = readOffset(view, AT.size);
  if (size > DISK_BYTES_MAX) return qcow2Fault('too-long', AT.size, 'size');
  const l2Entries = clusterBytes / (hasSubclusters ? 2 * ENTRY_BYTES : ENTRY_BYTES);
  const l1Entries = Math.ceil(size / (clusterBytes * l2Entries));
  if (view.getUint32(AT.l1Size) < l1Entries) return qcow2Fault('bad-length', AT.l1Size, 'l1_size');
  const l1At = readOffset(view, AT.l1Table);
  if (l1At % clusterBytes !== 0) return wrong(AT.l1Table, 'l1_table_offset');
  if (l1At + l1Entries * ENTRY_BYTES > fileBytes) return qcow2Fault('truncated', AT.l1Table, 'l1_table_offset');
  // Like QEMU's disk, this one ends at its last whole sector.
  const diskBytes = size - (size % SECTOR_BYTES);
  return qcow2Value({ version, clusterBits, clusterBytes, diskBytes, l1At, l1Entries, l2Entries, ...features.value });
}

type Features = Pick<Qcow2Header, 'hasSubclusters' | 'compression'>;

/** An image of version 2 has no features. */
const PLAIN: Features = { hasSubclusters: false, compression: 'deflate' };

/** The fields of version 3 ("Header", incompatible_features; "Additional fields", compression_type). */
function decodeFeatures(view: DataView): Qcow2Decoded<Features> {
  if (view.byteLength < V3_BYTES) return qcow2Fault('truncated', view.byteLength, 'header');
  const low = view.getUint32(AT.features + 4);
  if ((low & DIRTY) !== 0) return wrong(AT.features, 'dirty bit');
  if ((low & CORRUPT) !== 0) return wrong(AT.features, 'corrupt bit');
  if ((low & EXTERNAL_DATA) !== 0) return wrong(AT.features, 'external data file bit');
  if (view.getUint32(AT.features) !== 0 || (low & ~KNOWN_FEATURES) !== 0) {
    return wrong(AT.features, 'incompatible_features');
  }
  const length = view.getUint32(AT.headerLength);
  if (length < V3_BYTES || length % 8 !== 0) return qcow2Fault('bad-length', AT.headerLength, 'header_length');
  const isPresent = length > AT.compressionType && view.byteLength > AT.compressionType;
  const type = isPresent ? view.getUint8(AT.compressionType) : 0;
  const isZstd = type === 1;
  if (type > 1 || isZstd !== ((low & COMPRESSION_TYPE) !== 0)) return wrong(AT.compressionType, 'compression_type');
  return qcow2Value({ hasSubclusters: (low & EXTENDED_L2) !== 0, compression: isZstd ? 'zstd' : 'deflate' });
}

const wrong = (offset: number, field: Qcow2Fault['field']): Qcow2Decoded<never> =>
  qcow2Fault('bad-value', offset, field);

/** Reads a 64-bit number. Above 2^53 it is inexact, but larger than any file. */
const readOffset = (view: DataView, at: number): number => Number(view.getBigUint64(at));
