// Reads the file of a system's root. Checks that it is complete and the root of a system, and what
// it has that a deployment needs.
//
//   squashfs ─▶ as long as its superblock states?
//   archive ─▶ to its end: etc/ and usr/? the kernel, GRUB and cloud-init, by the names of its members
//   image in gzip ─▶ to its end: ext4?
//
// Sources: squashfs 4.0 and ext4, their superblocks; `agent/system.sh`, which unpacks these files,
// for the paths of kernel and boot loader.
//
// 1. Nothing is unpacked: names are only compared, and one piece is in memory.
// 2. The system in a squashfs or an image is not inspected.

import { copyBytes, viewBytes } from '../../ground/borrowed-bytes.ts';
import type { ImageBytes } from '../content/disk-image.ts';
import { describeDamage } from '../content/image-copy.ts';
import { beginExpansion, recogniseCompression } from '../content/image-expansion.ts';
import { readImagePieces } from '../content/image-file.ts';
import { expandedBytesMax, isTar, listTar, NotTarFault, TarFault } from '../content/packed-tar.ts';
import type { RootFormat } from '../store/stored-system.ts';

export const ROOT_BYTES_MAX = 64 * 1024 ** 3;
/** The first bytes of a root that show its format. */
export const ROOT_HEAD_BYTES = 512;
/** A root needs EXPANSION times its packed size, plus SPARE_BYTES to work in. */
const EXPANSION = 4;
const SPARE_BYTES = 512 * 1024 * 1024;

/** Estimates the disk space that a root needs, in bytes. */
export const estimateRootDiskBytes = (bytes: number): number => EXPANSION * bytes + SPARE_BYTES;

/** True if a file begins like a root of this format. @param bytes its first ROOT_HEAD_BYTES */
export function isRoot(format: RootFormat, bytes: Uint8Array): boolean {
  if (format === 'squashfs') return Buffer.from(bytes).toString('latin1', 0, 4) === 'hsqs';
  const compression = recogniseCompression(bytes);
  if (format === 'root.gz') return compression === 'gzip';
  return compression !== undefined || isTar(bytes);
}

/** The findings about a system, by the names in its archive. */
export interface RootFacts {
  readonly hasKernel: boolean;
  readonly hasBootLoader: boolean;
  readonly hasCloudInit: boolean;
}

/**
 * Thrown for content that is not the root of a system, or is incomplete. A failed expansion is the cause.
 */
export class RootFault extends Error {
  readonly why: string;

  /** @param remedy for a person who has the file */
  constructor(why: string, remedy?: string, options?: ErrorOptions) {
    super(remedy === undefined ? why : `${why}: ${remedy}`, options);
    this.why = why;
  }
}

/**
 * Inspects a root. @returns the findings. Undefined if nothing is known of the system
 * @throws RootFault; RackError `tool-missing` without the program that expands it; the system's error
 */
export async function inspectRoot(bytes: ImageBytes, format: RootFormat): Promise<RootFacts | undefined> {
  const head = copyBytes(await bytes.read(0, ROOT_HEAD_BYTES));
  if (!isRoot(format, head)) throw new RootFault(`it does not begin like ${format}`);
  if (format === 'squashfs') {
    if (readSquashfsBytes(head) > bytes.bytes) throw new RootFault('the squashfs was cut short', 'copy it again');
    return undefined;
  }
  try {
    if (format === 'root.tar') return await inspectArchive(bytes);
    await checkImage(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof NotTarFault) throw new RootFault('it is not a tar archive', undefined, { cause: error });
    if (error instanceof TarFault) throw new RootFault(error.message, undefined, { cause: error });
    const damage = describeDamage(error);
    if (damage !== undefined) throw new RootFault(damage.why, damage.remedy, { cause: error });
    throw error;
  }
}

/** Describes the findings for people. @param hasOwnStart true if kernel and initrd came with the root */
export function describeRoot(facts: RootFacts, hasOwnStart: boolean): string {
  const kernel = facts.hasKernel || hasOwnStart ? [] : ['no kernel in /boot'];
  const missing = [...kernel, ...(facts.hasBootLoader ? [] : ['no boot loader (GRUB)'])];
  const start =
    missing.length === 0
      ? 'it has a kernel and a boot loader'
      : `it has ${missing.join(' and ')}, so deploying it fails`;
  const init = facts.hasCloudInit ? 'it contains cloud-init' : 'it has no cloud-init, so user data has no effect';
  return `${start}; ${init}`;
}

/** Matches kernels, as `choose_kernel` of the agent finds them. */
const KERNEL = /^boot\/(?:vmlinuz|vmlinux|Image)-[^/]+$/;
/**
 * Match GRUB, as `has_grub` and `copy_signed` of the agent find it: a program with modules, or signed files.
 */
const GRUB_PROGRAM = /^(?:usr\/)?sbin\/grub2?-install$/;
const GRUB_MODULES = /^usr\/lib\/grub\/[^/]+-(?:pc|efi)(?:\/|$)/;
const SHIM = /^usr\/lib\/shim\/shim[a-z0-9]+\.efi(?:\.signed(?:\.latest)?)?$/;
const SIGNED_GRUB = /^usr\/lib\/grub\/[^/]+-signed\/grub[a-z0-9]+\.efi\.signed$/;
const CLOUD_INIT = /(?:^|\/)cloud-init-local\.service$|^usr\/bin\/cloud-init$/;

async function inspectArchive(bytes: ImageBytes): Promise<RootFacts> {
  const topDirectories = new Set<string>();
  const matched = new Set<RegExp>();
  await listTar(bytes, ({ name, isFile }) => {
    const [topName = '', second] = name.split('/', 2);
    if ((topName === 'etc' || topName === 'usr') && (second !== undefined || !isFile)) topDirectories.add(topName);
    for (const pattern of [KERNEL, GRUB_PROGRAM, GRUB_MODULES, SHIM, SIGNED_GRUB, CLOUD_INIT])
      if (pattern.test(name)) matched.add(pattern);
  });
  if (topDirectories.size < 2) {
    const remedy =
      'pack the whole system from its own top, tar --xattrs --numeric-owner -C DIRECTORY -czf root.tar.gz .';
    throw new RootFault('its archive has no etc/ and usr/, so it is not the root of a system', remedy);
  }
  const hasBoth = (pattern: RegExp, other: RegExp): boolean => matched.has(pattern) && matched.has(other);
  return {
    hasKernel: matched.has(KERNEL),
    hasBootLoader: hasBoth(GRUB_PROGRAM, GRUB_MODULES) || hasBoth(SHIM, SIGNED_GRUB),
    hasCloudInit: matched.has(CLOUD_INIT),
  };
}

const EXT_MAGIC_OFFSET = 1080;
const EXT_MAGIC = 0xef53;

async function checkImage(bytes: ImageBytes): Promise<void> {
  const bytesMax = expandedBytesMax(bytes);
  const head = Buffer.alloc(EXT_MAGIC_OFFSET + 2);
  let length = 0;
  const expansion = beginExpansion('gzip', async (piece) => {
    if (length < head.length) head.set(viewBytes(piece, 0, Math.min(piece.length, head.length - length)), length);
    length += piece.length;
    if (length > bytesMax) throw new RootFault(`it expands to more than ${bytesMax} bytes, unlike any system`);
  });
  try {
    for await (const piece of readImagePieces(bytes)) await expansion.write(piece.bytes);
    await expansion.end();
  } finally {
    expansion.close();
  }
  if (head.readUInt16LE(EXT_MAGIC_OFFSET) !== EXT_MAGIC)
    throw new RootFault('it is not the image of an ext4 file system, so a machine could not open it');
}

/** The offset of the size in a superblock, 64 bits. */
const SIZE_OFFSET = 40;

/** Reads the size that a squashfs states. Infinite if the superblock is incomplete. */
function readSquashfsBytes(head: Uint8Array): number {
  const superblock = Buffer.from(viewBytes(head, 0, SIZE_OFFSET + 8));
  return superblock.length < SIZE_OFFSET + 8
    ? Number.POSITIVE_INFINITY
    : Number(superblock.readBigUInt64LE(SIZE_OFFSET));
}
