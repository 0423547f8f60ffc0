// Recognises a disk image by its bytes: its format, and whether it can be the content of a machine's disk.
//
// Sources: RFC 8878 §3.1 (Zstandard); RFC 1952 §2.3.1 (gzip); POSIX.1-2017 pax (ustar); UEFI 2.10
// §5.2 (MBR), §5.3 (GPT); the magic numbers of other formats (file(1), and the block drivers of
// QEMU).
//
// 1. An accepted image has a partition table. Without one it cannot boot, and is most likely no disk.
// 2. A refusal names the format, and how to make an image from it.

import type { FileHandle } from 'node:fs/promises';

export interface ImageBytes {
  readonly bytes: number;
  /** Reads into a new buffer. It is shorter at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /**
   * The open file, if no other user can write it and programs of this user can open it. If
   * undefined, such programs need a copy.
   */
  readonly safeHandle?: FileHandle | undefined;
}

/** A piece of a disk: bytes, or a number of zeroes. */
export type DiskPiece =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'hole'; readonly length: number };

/** The largest disk that an MBR can describe. */
export const DISK_BYTES_MAX = 2 * 1024 ** 4;

/** The format of an image: as on the disk, or compressed. */
export type ImageFormat = 'raw' | 'raw.zst';

/** A QEMU image is converted. */
export type InputFormat = ImageFormat | 'qcow2';

/** An image, or a compressed file or archive that may contain one. */
export type FileFormat = InputFormat | 'gzip' | 'xz' | 'tar';

export type PartitionTable = 'gpt' | 'mbr';

/** The first bytes of a disk that show its partition table, even GPT on sectors of 4096 bytes. */
export const DISK_HEAD_BYTES = 2 * 4096;
/** The first bytes of a file that show its format. */
export const FILE_HEAD_BYTES = 64 * 1024;

interface OtherFormat {
  readonly name: string;
  readonly magic: string;
  readonly at: number;
  readonly remedy: string;
}

const CONVERT = 'convert it: qemu-img convert -O qcow2 FILE disk.qcow2';
const EXPAND = 'expand it first, or compress it with zstd instead';
const unpackWith = (command: string): string => `unpack it: ${command}`;
const WHOLE_DISK = 'use an image of a whole disk, with a partition table';
const SYSTEM = 'use the image of an installed disk';

const OTHER_FORMATS: readonly OtherFormat[] = [
  { name: 'a VMware image', magic: 'KDMV', at: 0, remedy: CONVERT },
  { name: 'a VMware image', magic: 'COWD', at: 0, remedy: CONVERT },
  { name: 'the description of a VMware image', magic: '# Disk DescriptorFile', at: 0, remedy: CONVERT },
  { name: 'a Hyper-V image (VHDX)', magic: 'vhdxfile', at: 0, remedy: CONVERT },
  // Only a dynamic VHD begins with this. A fixed one is a raw image followed by 512 bytes.
  { name: 'a Virtual PC image (VHD)', magic: 'conectix', at: 0, remedy: CONVERT },
  { name: 'a VirtualBox image', magic: '\x7f\x10\xda\xbe', at: 64, remedy: CONVERT },
  { name: 'a Parallels image', magic: 'WithoutFreeSpace', at: 0, remedy: CONVERT },
  { name: 'a Parallels image', magic: 'WithouFreSpacExt', at: 0, remedy: CONVERT },
  { name: 'an old QEMU image (QED)', magic: 'QED\0', at: 0, remedy: CONVERT },
  { name: 'a sparse image of Android', magic: '\x3a\xff\x26\xed', at: 0, remedy: 'convert it: simg2img FILE disk.img' },
  { name: 'compressed with bzip2', magic: 'BZh', at: 0, remedy: EXPAND },
  { name: 'compressed with lz4', magic: '\x04\x22\x4d\x18', at: 0, remedy: unpackWith('lz4 -d FILE disk.img') },
  { name: 'compressed with lz4', magic: '\x02\x21\x4c\x18', at: 0, remedy: unpackWith('lz4 -d FILE disk.img') },
  { name: 'compressed with lzma', magic: '\x5d\0\0', at: 0, remedy: unpackWith('xz --format=lzma -dc FILE >disk.img') },
  { name: 'compressed with lzip', magic: 'LZIP', at: 0, remedy: unpackWith('lzip -dc FILE >disk.img') },
  { name: 'compressed with lzop', magic: '\x89LZO', at: 0, remedy: unpackWith('lzop -dc FILE >disk.img') },
  { name: 'compressed with compress', magic: '\x1f\x9d', at: 0, remedy: unpackWith('gzip -dc FILE >disk.img') },
  { name: 'a zip archive', magic: 'PK\x03\x04', at: 0, remedy: unpackWith('unzip FILE') },
  { name: 'a 7z archive', magic: '7z\xbc\xaf\x27\x1c', at: 0, remedy: unpackWith('7z x FILE') },
  { name: 'a RAR archive', magic: 'Rar!\x1a\x07', at: 0, remedy: unpackWith('unrar x FILE') },
  { name: 'a Windows image (WIM)', magic: 'MSWIM\0', at: 0, remedy: SYSTEM },
  { name: 'an image of partclone', magic: 'partclone-image', at: 0, remedy: WHOLE_DISK },
  { name: 'a cpio archive, such as an initrd', magic: '07070', at: 0, remedy: SYSTEM },
  { name: 'a Debian package', magic: '!<arch>\ndebian', at: 0, remedy: SYSTEM },
  { name: 'an RPM package', magic: '\xed\xab\xee\xdb', at: 0, remedy: SYSTEM },
  { name: 'a pointer of Git LFS', magic: 'version https://git-lfs', at: 0, remedy: 'fetch the file: git lfs pull' },
  { name: 'a web page', magic: '\x3c!doctype html', at: 0, remedy: 'download the image itself' },
  { name: 'a web page', magic: '\x3chtml', at: 0, remedy: 'download the image itself' },
  { name: 'a squashfs', magic: 'hsqs', at: 0, remedy: WHOLE_DISK },
  { name: 'the image of an optical disc', magic: 'CD001', at: 32_769, remedy: SYSTEM },
  { name: 'an XFS file system', magic: 'XFSB', at: 0, remedy: WHOLE_DISK },
  { name: 'an ext4 file system', magic: '\x53\xef', at: 1080, remedy: WHOLE_DISK },
];

/** Recognises a format by the first FILE_HEAD_BYTES, or says why it is no image. */
export function recogniseFormat(
  head: Uint8Array,
): { readonly ok: true; readonly format: FileFormat } | { readonly ok: false; readonly problem: string } {
  const text = Buffer.from(head).toString('latin1');
  // A frame with data, or a skippable one (RFC 8878 §3.1.1, §3.1.2).
  if (/^(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)/.test(text)) return { ok: true, format: 'raw.zst' };
  if (text.startsWith('QFI\xfb')) return { ok: true, format: 'qcow2' };
  if (text.startsWith('\x1f\x8b')) return { ok: true, format: 'gzip' };
  if (text.startsWith('\xfd7zXZ\0')) return { ok: true, format: 'xz' };
  if (text.startsWith('ustar', 257)) return { ok: true, format: 'tar' };
  const isDisk = findPartitionTable(head) !== undefined;
  // Fewer than four bytes prove nothing: a disk may have any code and table there.
  const other = OTHER_FORMATS.find(
    ({ magic, at }) =>
      text.slice(at, at + magic.length).toLowerCase() === magic.toLowerCase() && (magic.length >= 4 || !isDisk),
  );
  if (other !== undefined) return { ok: false, problem: `it is ${other.name}: ${other.remedy}` };
  return { ok: true, format: 'raw' };
}

/** Finds the partition table at the start of a disk; undefined: none. */
export function findPartitionTable(head: Uint8Array): PartitionTable | undefined {
  const text = Buffer.from(head).toString('latin1');
  if ([512, 4096].some((at) => text.startsWith('EFI PART', at))) return 'gpt';
  if (!text.startsWith('\x55\xaa', 510)) return undefined;
  // The boot sector of a file system has text or code there instead of the states 0 or 0x80.
  const entries = [446, 462, 478, 494].map((at) => ({ state: head[at] ?? 0, type: head[at + 4] ?? 0 }));
  const plausible = entries.every(({ state }) => state === 0 || state === 0x80);
  return plausible && entries.some(({ type }) => type !== 0) ? 'mbr' : undefined;
}

export const NO_TABLE =
  'it has no partition table; use an image of a whole disk, as dd would write it, not of one file system';

/** Why a file is no disk image, by its first FILE_HEAD_BYTES; undefined: no reason found. */
export function judgeHead(head: Uint8Array): string | undefined {
  const recognised = recogniseFormat(head);
  if (!recognised.ok) return recognised.problem;
  return recognised.format === 'raw' && findPartitionTable(head) === undefined ? NO_TABLE : undefined;
}
