// Small qcow2 images for tests, made by hand so that any field can be wrong, and read without files.

import { deflateRawSync, zstdCompressSync } from 'node:zlib';
import type { Qcow2Fault } from '../../src/images/qcow2/fault.ts';
import { type ImageBytes, openQcow2, readQcow2 } from '../../src/images/qcow2/reading.ts';
import { copyBytes } from '../../src/net/borrowed-bytes.ts';
import { makeDisk } from './disks.ts';

/** The clusters of the files below. */
export const CLUSTER = 4096;
export const L1_AT = CLUSTER;
export const L2_AT = 2 * CLUSTER;
export const DATA_AT = 3 * CLUSTER;
export const PACKED_AT = 4 * CLUSTER;
const REFCOUNTS_AT = 5 * CLUSTER;
/** Clusters of the disk: data, compressed, zeroes, nothing, and a second one of data. */
export const DISK_CLUSTERS = 5;

/** The bits of an entry that say that its cluster belongs to no other. */
export const COPIED = 1n << 63n;
export const COMPRESSED = 1n << 62n;

/** An image with every kind of cluster. @param features those of `incompatible_features`, zstd and extended L2 entries being known */
export function makeQcow2(features = 0): Buffer {
  const isZstd = (features & 8) !== 0;
  const isExtended = (features & 16) !== 0;
  const bits = isExtended ? 14 : 12;
  const bytes = 2 ** bits;
  const image = Buffer.alloc(7 * bytes);
  image.write('QFI\xfb', 0, 'latin1');
  image.writeUInt32BE(3, 4);
  image.writeUInt32BE(bits, 20);
  image.writeBigUInt64BE(BigInt(DISK_CLUSTERS * bytes), 24);
  image.writeUInt32BE(1, 36);
  const place = (at: number): number => (at / CLUSTER) * bytes;
  image.writeBigUInt64BE(BigInt(place(L1_AT)), 40);
  image.writeBigUInt64BE(BigInt(place(REFCOUNTS_AT)), 48);
  image.writeUInt32BE(1, 56);
  image.writeUInt32BE(features, 76);
  image.writeUInt32BE(4, 96);
  image.writeUInt32BE(112, 100);
  image[104] = isZstd ? 1 : 0;
  image.writeBigUInt64BE(COPIED | BigInt(place(L2_AT)), place(L1_AT));
  const cluster = makeDisk(bytes, 'mbr');
  cluster.copy(image, place(DATA_AT));
  cluster.copy(image, 6 * bytes);
  const packed = isZstd ? zstdCompressSync(cluster) : deflateRawSync(cluster);
  packed.copy(image, place(PACKED_AT) + 100);
  const sectors = BigInt(Math.ceil((100 + packed.length) / 512) - 1);
  const sectorsBit = BigInt(62 - (bits - 8));
  const entries = [
    COPIED | BigInt(place(DATA_AT)),
    COMPRESSED | (sectors << sectorsBit) | BigInt(place(PACKED_AT) + 100),
    isExtended ? 0n : 1n,
    0n,
    COPIED | BigInt(6 * bytes),
  ];
  const bitmaps = [0xffff_ffffn, 0n, 0xffff_ffff_0000_0000n, 0n, 0x0000_0001_0000_fffen];
  entries.forEach((entry, index) => {
    const at = place(L2_AT) + index * (isExtended ? 16 : 8);
    image.writeBigUInt64BE(entry, at);
    if (isExtended) image.writeBigUInt64BE(bitmaps[index] ?? 0n, at + 8);
  });
  return image;
}

/** Bytes in memory, with the number of those that were read. */
export function bytesOf(image: Uint8Array): ImageBytes & { readonly taken: () => number } {
  let taken = 0;
  return {
    bytes: image.length,
    taken: () => taken,
    read: async (at, length) => {
      const part = copyBytes(image, Math.min(at, image.length), Math.min(at + length, image.length));
      taken += part.length;
      return part;
    },
  };
}

/** The outcome of reading an image. */
export interface Read {
  readonly fault: Qcow2Fault | undefined;
  readonly diskBytes: number;
  /** The length of all pieces, the longest of data, and how many there were. */
  readonly bytes: number;
  readonly longest: number;
  readonly pieces: number;
}

/** Reads an image to its end, or to a fault. @param take gets each piece of data with its place on the disk */
export async function readAll(
  source: ImageBytes,
  take: (bytes: Uint8Array, at: number) => void = () => undefined,
): Promise<Read> {
  const header = await openQcow2(source);
  if (!header.ok) return { fault: header.fault, diskBytes: 0, bytes: 0, longest: 0, pieces: 0 };
  const { diskBytes } = header.value;
  let [bytes, longest, pieces] = [0, 0, 0];
  for await (const piece of readQcow2(source, header.value)) {
    if (!piece.ok) return { fault: piece.fault, diskBytes, bytes, longest, pieces };
    pieces += 1;
    if (piece.value.kind === 'data') {
      take(piece.value.bytes, bytes);
      longest = Math.max(longest, piece.value.bytes.length);
      bytes += piece.value.bytes.length;
    } else bytes += piece.value.length;
  }
  return { fault: undefined, diskBytes, bytes, longest, pieces };
}

/** The disk of an image, which must be a good one. */
export async function expandQcow2(source: ImageBytes): Promise<Buffer> {
  const parts: [number, Uint8Array][] = [];
  const { fault, diskBytes, bytes } = await readAll(source, (part, at) => parts.push([at, copyBytes(part)]));
  if (fault !== undefined || bytes !== diskBytes)
    throw new Error(`${fault?.field} at ${fault?.offset}, ${bytes} bytes`);
  const disk = Buffer.alloc(diskBytes);
  for (const [at, part] of parts) disk.set(part, at);
  return disk;
}
