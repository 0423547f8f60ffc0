// The root of a system as a file: the first bytes of each format, the space that a root needs, and the names that no system may have in the
// boot tree.
//
// Source: squashfs 4.0 superblock.

import { compressionOf } from '../image-expansion.ts';
import { isTar } from '../packed-tar.ts';
import type { RootFormat } from '../stored-system.ts';

/** The largest root, in bytes. */
export const ROOT_BYTES_MAX = 64 * 1024 ** 3;
/** How many bytes at the beginning of a root show its format. */
export const ROOT_HEAD_BYTES = 512;
/** Space that a root needs on a disk: about EXPANSION times its packed size, plus ROOM_BYTES to work in. */
const EXPANSION = 4;
const ROOM_BYTES = 512 * 1024 * 1024;

/** The space that a root of this packed size needs on a disk, in bytes; an estimate. */
export const rootDiskBytes = (bytes: number): number => EXPANSION * bytes + ROOM_BYTES;

/** True if a file begins like a root of this format. @param bytes its first ROOT_HEAD_BYTES */
export function isRoot(format: RootFormat, bytes: Uint8Array): boolean {
  if (format === 'squashfs') return Buffer.from(bytes).toString('latin1', 0, 4) === 'hsqs';
  const compression = compressionOf(bytes);
  if (format === 'root.gz') return compression === 'gzip';
  return compression !== undefined || isTar(bytes);
}
