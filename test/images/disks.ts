// Small disk images, and roots of systems, for tests: only what makes them recognisable.

import { copyBytes } from '../../src/ground/borrowed-bytes.ts';
import type { ImageBytes } from '../../src/images/content/disk-image.ts';
import { encodeTarHeader, paddedBytes } from '../../src/images/content/tar-header.ts';

/** Bytes in memory. */
export const bytesOf = (image: Uint8Array): ImageBytes => ({
  bytes: image.length,
  read: async (at, length) => copyBytes(image, Math.min(at, image.length), Math.min(at + length, image.length)),
});

/** A disk with a partition table, filled with a pattern that compresses badly. */
export function makeDisk(bytes: number, table: 'gpt' | 'mbr' | 'none', seed = 1): Buffer {
  const disk = Buffer.alloc(bytes);
  let state = seed;
  for (let at = 1024; at + 4 <= bytes; at += 64) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    disk.writeUInt32LE(state, at);
  }
  if (table === 'none') return disk;
  disk[450] = table === 'gpt' ? 0xee : 0x83;
  disk.writeUInt16BE(0x55aa, 510);
  if (table === 'gpt') disk.write('EFI PART', 512, 'latin1');
  return disk;
}

/** A disk with a partition table, boot code, a root on ext4 and the name of cloud-init's unit: enough to be imported. */
export function makeSystemDisk(bytes: number, seed = 1): Buffer {
  const disk = makeDisk(bytes, 'mbr', seed);
  disk.write('boot code', 0, 'latin1');
  const root = 64 * 1024;
  disk.writeUInt32LE(root / 512, 454);
  disk.writeUInt32LE((bytes - root) / 512, 458);
  disk.writeUInt16LE(0xef53, root + 1080);
  disk.write('cloud-init-local.service', root + 70_000, 'latin1');
  return disk;
}

/** The archive of a system, or of these files. */
export function makeRootTar(
  files: Readonly<Record<string, string>> = { './etc/os-release': 'ID=test\n', './usr/bin/true': '#!' },
): Buffer {
  const parts = Object.entries(files).flatMap(([name, text]) => {
    const content = Buffer.alloc(paddedBytes(Buffer.byteLength(text)));
    content.write(text);
    return [encodeTarHeader({ name, bytes: Buffer.byteLength(text) }), content];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** A squashfs of which only the superblock is there, with its size. */
export function makeSquashfsHead(bytes = 96): Buffer {
  const head = Buffer.alloc(96);
  head.write('hsqs');
  head.writeBigUInt64LE(BigInt(bytes), 40);
  return head;
}

/** A file that begins as a squashfs of its own length. */
export const makeSquashfs = (content: string): Buffer =>
  Buffer.concat([makeSquashfsHead(96 + Buffer.byteLength(content)), Buffer.from(content)]);

/** The image of an ext4 file system of which only the magic number is there. */
export function makeExtHead(content: string): Buffer {
  const image = Buffer.alloc(4096);
  image.writeUInt16LE(0xef53, 1080);
  image.write(content, 2048);
  return image;
}
