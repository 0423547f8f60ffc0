// The root of a system as a file: the first bytes of each format, the space that a root needs, and the names that no system may have in the
// boot tree.
//
// Sources: squashfs 4.0 superblock; RFC 1952 (gzip), bzip2, xz, RFC 8878 (Zstandard); POSIX ustar.

import type { RootFormat } from '../stored-system.ts';

/** The largest root, in bytes. */
export const ROOT_BYTES_MAX = 64 * 1024 ** 3;
/** How many bytes at the beginning of a root show its format. */
export const ROOT_HEAD_BYTES = 512;
/** Space that a root needs on a disk: about EXPANSION times its packed size, plus ROOM_BYTES to work in. */
const EXPANSION = 4;
const ROOM_BYTES = 512 * 1024 * 1024;
/** Top-level directories of the boot tree that do not belong to a system. */
const RESERVED = new Set(['images', 'bootloader', 'grub', 'pxelinux.cfg', 'amd64', 'arm64', 'armhf', 'i386']);

/** The space that a root of this packed size needs on a disk, in bytes; an estimate. */
export const rootDiskBytes = (bytes: number): number => EXPANSION * bytes + ROOM_BYTES;

/** Why no system may have this name; undefined: it may. */
export const judgeSystemName = (os: string): string | undefined =>
  RESERVED.has(os) ? `the boot tree already uses the name ${os}` : undefined;

/** True if a file begins like a root of this format. @param bytes its first ROOT_HEAD_BYTES */
export function isRoot(format: RootFormat, bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes);
  const begins = (hex: string): boolean => head.toString('hex').startsWith(hex);
  if (format === 'squashfs') return begins('68737173');
  if (begins('1f8b08')) return true;
  if (format === 'root.gz') return false;
  return (
    begins('425a68') || begins('fd377a585a00') || begins('28b52ffd') || head.toString('latin1', 257, 262) === 'ustar'
  );
}
