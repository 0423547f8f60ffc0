// Recognises a disk image by its bytes: its format, and whether it can be the content of a machine's disk.
//
// Sources: RFC 8878 §3.1 (Zstandard); RFC 1952 §2.3.1 (gzip); POSIX.1-2017 pax (ustar); UEFI 2.10 §5.2 (MBR), §5.3 (GPT); the magic numbers
// of other formats.
//
// 1. An accepted image has a partition table. A file without one cannot boot, and is most likely not the image of a disk.
// 2. A refusal names the format of the file, and tells how to make an image from it.

/** How an image is stored: as on the disk, or compressed with Zstandard. */
export type ImageFormat = 'raw' | 'raw.zst';

/** The format of an image that can be added: a stored format, or a QEMU image, which is converted. */
export type GivenFormat = ImageFormat | 'qcow2';

/** The format of a file: an image, or a compressed file or archive that may contain one. */
export type FileFormat = GivenFormat | 'gzip' | 'xz' | 'tar';

/** The kind of an image's partition table. */
export type PartitionTable = 'gpt' | 'mbr';

/** How many bytes at the beginning of a disk show its partition table, even GPT on sectors of 4096 bytes. */
export const DISK_HEAD_BYTES = 2 * 4096;
/** How many bytes at the beginning of a file show its format. */
export const FILE_HEAD_BYTES = 64 * 1024;

interface OtherFormat {
  readonly name: string;
  readonly magic: string;
  readonly at: number;
  readonly remedy: string;
}

const CONVERT = 'convert it to a raw image: qemu-img convert -O raw FILE disk.img';
const EXPAND = 'expand it first, or compress it with zstd instead';

const OTHER_FORMATS: readonly OtherFormat[] = [
  { name: 'a VMware image', magic: 'KDMV', at: 0, remedy: CONVERT },
  { name: 'a Hyper-V image', magic: 'vhdxfile', at: 0, remedy: CONVERT },
  { name: 'a VirtualBox image', magic: '\x7f\x10\xda\xbe', at: 64, remedy: CONVERT },
  { name: 'compressed with bzip2', magic: 'BZh', at: 0, remedy: EXPAND },
  { name: 'a squashfs', magic: 'hsqs', at: 0, remedy: 'use an image of a whole disk, with a partition table' },
  { name: 'the image of an optical disc', magic: 'CD001', at: 32_769, remedy: 'use the image of an installed disk' },
];

/** Recognises the format of a file by its first FILE_HEAD_BYTES, or returns the reason why it cannot be an image. */
export function recogniseFormat(
  head: Uint8Array,
): { readonly ok: true; readonly format: FileFormat } | { readonly ok: false; readonly problem: string } {
  const text = Buffer.from(head).toString('latin1');
  // A frame of data, or a skippable frame (RFC 8878 §3.1.1, §3.1.2).
  if (/^(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)/.test(text)) return { ok: true, format: 'raw.zst' };
  if (text.startsWith('QFI\xfb')) return { ok: true, format: 'qcow2' };
  if (text.startsWith('\x1f\x8b')) return { ok: true, format: 'gzip' };
  if (text.startsWith('\xfd7zXZ\0')) return { ok: true, format: 'xz' };
  if (text.startsWith('ustar', 257)) return { ok: true, format: 'tar' };
  const other = OTHER_FORMATS.find(({ magic, at }) => text.startsWith(magic, at));
  if (other !== undefined) return { ok: false, problem: `it is ${other.name}: ${other.remedy}` };
  return { ok: true, format: 'raw' };
}

/** The partition table at the start of a disk; undefined: none. */
export function findPartitionTable(head: Uint8Array): PartitionTable | undefined {
  const text = Buffer.from(head).toString('latin1');
  if ([512, 4096].some((at) => text.startsWith('EFI PART', at))) return 'gpt';
  if (!text.startsWith('\x55\xaa', 510)) return undefined;
  // The table's four entries. A file system's boot sector has text or code there instead, in which the state is neither 0 nor 0x80.
  const entries = [446, 462, 478, 494].map((at) => ({ state: head[at] ?? 0, type: head[at + 4] ?? 0 }));
  const plausible = entries.every(({ state }) => state === 0 || state === 0x80);
  return plausible && entries.some(({ type }) => type !== 0) ? 'mbr' : undefined;
}

/** The problem of a disk without a partition table. */
export const NO_TABLE =
  'it has no partition table; use an image of a whole disk, as dd would write it, not of one file system';

/** Why a file cannot be the image of a disk, as far as its first FILE_HEAD_BYTES show it; undefined: they do not. */
export function judgeHead(head: Uint8Array): string | undefined {
  const recognised = recogniseFormat(head);
  if (!recognised.ok) return recognised.problem;
  return recognised.format === 'raw' && findPartitionTable(head) === undefined ? NO_TABLE : undefined;
}
