// Inspects a disk image while it is copied: could a machine start, grow and set up the system in it?
//
//   first 64 KiB ─▶ partitions ─▶ the first bytes of each: its file system
//                              ─▶ names in EFI system partitions: the loader of UEFI
//   first sector ─▶ boot code: the loader of BIOS        all bytes ─▶ the name of cloud-init's unit
//
// Sources: UEFI 2.10 §5.2 (MBR), §5.3 (GPT), §3.5.1.1 (removable media); the FAT specification,
// "Directory Structure"; the magic numbers of ext4, xfs, btrfs, LVM and LUKS as in
// `agent/deploy.sh`, which opens these systems.
//
// 1. Nothing is mounted, and no file system is interpreted. Directories of ext4, xfs and btrfs
//    contain file names as plain text. Directories of FAT contain them in entries of 32 bytes. So
//    no image can do harm, and the memory is bounded.
// 2. Names of deleted files may still be found. An incomplete system may therefore be judged
//    complete, but never the reverse.
// 3. Logical partitions of an MBR are not inspected.

import { copyBytes, viewBytes } from '../../ground/borrowed-bytes.ts';
import { joinNames } from '../../ground/counted.ts';
import type { ImageSigns } from '../store/stored-system.ts';
import type { DiskPiece } from './disk-image.ts';
import { findPartitionTable } from './disk-image.ts';

type FileSystem = 'ext4' | 'xfs' | 'btrfs' | 'LVM' | 'LUKS';

export interface SystemFacts {
  /** The first sector has boot code. On GPT, the partition for the rest of the boot code exists, too. */
  readonly startsByBios: boolean;
  /** An EFI system partition has the loader that UEFI starts without a boot entry. */
  readonly startsByUefi: boolean;
  /**
   * The file systems of the partitions, in their order on the disk. Undefined for a partition
   * without a known one.
   */
  readonly fileSystems: readonly (FileSystem | undefined)[];
  readonly hasCloudInit: boolean;
}

/** Holds a partition table of 128 entries on sectors of 512 or 4096 bytes. */
const TABLE_BYTES = 64 * 1024;
const PARTITIONS_MAX = 128;
/**
 * The inspected bytes at the start of a partition. Of all file systems, btrfs has its magic number
 * the furthest from the start.
 */
const PARTITION_HEAD_BYTES = 65_608;
const BOOT_CODE_BYTES = 440;
const ESP = '28732ac11ff8d211ba4b00a0c93ec93b';
const BIOS_BOOT = '4861682149646f6e744e656564454649';
const MBR_ESP = 0xef;
const MBR_EXTENDED: ReadonlySet<number> = new Set([0x05, 0x0f, 0x85]);
/** A file that the cloud-init package of every distribution contains. */
const CLOUD_INIT_UNIT = Buffer.from('cloud-init-local.service', 'latin1');
const ENTRY_BYTES = 32;
/** Bound on the inspected EFI system partitions. A disk normally has one. */
const ESPS_MAX = 4;
/** The most bytes that a piece can contain of a name that two pieces share. */
const OVERLAP_BYTES = 31;
/** The names of EFI/BOOT/BOOT….EFI as FAT entries contain them, by architecture. */
const LOADERS: Readonly<Record<string, string>> = { amd64: 'BOOTX64 EFI', arm64: 'BOOTAA64EFI', i386: 'BOOTIA32EFI' };
const BIOS_CPUS: ReadonlySet<string> = new Set(['amd64', 'i386']);

const MAGICS: readonly (readonly [name: FileSystem, at: number, magic: string])[] = [
  ['ext4', 1080, '53ef'],
  ['xfs', 0, '58465342'],
  ['btrfs', 65_600, '5f42485266535f4d'],
  ['LVM', 512, '4c4142454c4f4e45'],
  ['LUKS', 0, '4c554b53babe'],
];

interface Partition {
  readonly startByte: number;
  readonly endByte: number;
  readonly kind: 'esp' | 'bios-boot' | 'other';
  readonly head: Uint8Array;
}

export class SystemInspector {
  readonly #architecture: string;
  readonly #loader: Buffer | undefined;
  #table: Uint8Array | undefined = new Uint8Array(TABLE_BYTES);
  #partitions: readonly Partition[] = [];
  #offset = 0;
  #hasBootCode = false;
  #isGpt = false;
  #hasLoader = false;
  #hasCloudInit = false;
  /** The last bytes of the previous piece, in which a name may begin. */
  #overlap: Uint8Array = new Uint8Array(0);
  #systemPartitions: readonly Partition[] = [];

  constructor(architecture: string) {
    this.#architecture = architecture;
    const name = LOADERS[architecture];
    this.#loader = name === undefined ? undefined : Buffer.from(name, 'latin1');
  }

  /** Inspects the next piece. The pieces of a disk come in order. */
  inspect(piece: DiskPiece): void {
    const length = piece.kind === 'data' ? piece.bytes.length : piece.length;
    if (this.#table !== undefined) {
      const tableBytes = Math.min(length, TABLE_BYTES - this.#offset);
      if (piece.kind === 'data') this.#table.set(viewBytes(piece.bytes, 0, tableBytes), this.#offset);
      this.#offset += tableBytes;
      if (this.#offset === TABLE_BYTES) this.#readTable();
      if (tableBytes === length) return;
      if (piece.kind === 'data') this.#inspect(viewBytes(piece.bytes, tableBytes));
      else this.#skip(length - tableBytes);
    } else if (piece.kind === 'data') this.#inspect(piece.bytes);
    else this.#skip(length);
  }

  /** Returns the findings. Call it after the whole disk. */
  facts(): SystemFacts {
    if (this.#table !== undefined) this.#readTable();
    const hasBiosBoot = this.#partitions.some(({ kind }) => kind === 'bios-boot');
    return {
      startsByBios: BIOS_CPUS.has(this.#architecture) && this.#hasBootCode && (hasBiosBoot || !this.#isGpt),
      startsByUefi: this.#hasLoader,
      fileSystems: this.#partitions.map(({ head }) => recogniseFileSystem(head)),
      hasCloudInit: this.#hasCloudInit,
    };
  }

  signs(): ImageSigns {
    const { startsByBios, startsByUefi, hasCloudInit } = this.facts();
    return { startsByBios, startsByUefi, hasCloudInit };
  }

  #readTable(): void {
    const table = this.#table ?? new Uint8Array(0);
    this.#table = undefined;
    this.#hasBootCode = viewBytes(table, 0, BOOT_CODE_BYTES).some((byte) => byte !== 0);
    this.#isGpt = findPartitionTable(table) === 'gpt';
    const partitions = this.#isGpt ? readGptPartitions(table) : readMbrPartitions(table);
    this.#partitions = partitions.toSorted((a, b) => a.startByte - b.startByte);
    this.#systemPartitions = this.#partitions.filter(({ kind }) => kind === 'esp').slice(0, ESPS_MAX);
    const { length } = table;
    const readBytes = Math.min(length, this.#offset);
    this.#offset = 0;
    this.#inspect(viewBytes(table, 0, readBytes));
  }

  #skip(length: number): void {
    this.#offset += length;
    this.#overlap = new Uint8Array(0);
  }

  #inspect(bytes: Uint8Array): void {
    const startOffset = this.#offset;
    for (const { head, ...place } of this.#partitions) {
      const headOffset = Math.max(0, startOffset - place.startByte);
      if (headOffset >= PARTITION_HEAD_BYTES || place.startByte >= startOffset + bytes.length) continue;
      const partitionBytes = viewBytes(bytes, Math.max(0, place.startByte - startOffset), place.endByte - startOffset);
      head.set(viewBytes(partitionBytes, 0, PARTITION_HEAD_BYTES - headOffset), headOffset);
    }
    const overlapBytes = Buffer.concat([this.#overlap, viewBytes(bytes, 0, OVERLAP_BYTES)]);
    this.#searchNames(overlapBytes, startOffset - this.#overlap.length);
    this.#searchNames(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), startOffset);
    const end = bytes.length < OVERLAP_BYTES ? overlapBytes : bytes;
    this.#overlap = Buffer.from(copyBytes(end, Math.max(0, end.length - OVERLAP_BYTES)));
    this.#offset = startOffset + bytes.length;
  }

  /** `bytes` begin at offset `startByte` of the disk. */
  #searchNames(bytes: Buffer, startOffset: number): void {
    this.#hasCloudInit ||= bytes.includes(CLOUD_INIT_UNIT);
    if (this.#loader === undefined || this.#hasLoader) return;
    for (const partition of this.#systemPartitions) {
      const firstByte = Math.max(0, partition.startByte - startOffset);
      const partitionBytes = viewBytes(bytes, firstByte, partition.endByte - startOffset);
      if (partitionBytes.length > 0 && hasEntry(partitionBytes, (startOffset + firstByte) % ENTRY_BYTES, this.#loader))
        this.#hasLoader = true;
    }
  }
}

/**
 * True if one of the FAT entries in `bytes` has this name. @param offset of `bytes` from the last
 * multiple of an entry's size. Partitions begin at such multiples
 */
function hasEntry(bytes: Uint8Array, offset: number, name: Buffer): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = view.indexOf(name); at !== -1; at = view.indexOf(name, at + 1))
    if ((at + offset) % ENTRY_BYTES === 0) return true;
  return false;
}

function readGptPartitions(table: Uint8Array): readonly Partition[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const isSignature = (at: number): boolean => view.getBigUint64(at) === 0x4546_4920_5041_5254n;
  const sector = isSignature(512) ? 512 : 4096;
  const readNumber = (at: number): number => Number(view.getBigUint64(at, true));
  const entriesOffset = readNumber(sector + 72) * sector;
  const count = Math.min(PARTITIONS_MAX, view.getUint32(sector + 80, true));
  const bytes = view.getUint32(sector + 84, true);
  const partitions: Partition[] = [];
  for (let index = 0; index < count && bytes >= 128; index += 1) {
    const at = entriesOffset + index * bytes;
    if (at + 128 > table.length) break;
    const type = Buffer.from(table).toString('hex', at, at + 16);
    if (/^0+$/.test(type)) continue;
    const kind = type === ESP ? 'esp' : type === BIOS_BOOT ? 'bios-boot' : 'other';
    const [startByte, endByte] = [readNumber(at + 32) * sector, (readNumber(at + 40) + 1) * sector];
    partitions.push({ startByte, endByte, kind, head: new Uint8Array(PARTITION_HEAD_BYTES) });
  }
  return partitions;
}

function readMbrPartitions(table: Uint8Array): readonly Partition[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  return [446, 462, 478, 494].flatMap((at) => {
    const type = view.getUint8(at + 4);
    if (type === 0 || MBR_EXTENDED.has(type)) return [];
    const startByte = view.getUint32(at + 8, true) * 512;
    const endByte = startByte + view.getUint32(at + 12, true) * 512;
    return {
      startByte,
      endByte,
      kind: type === MBR_ESP ? 'esp' : 'other',
      head: new Uint8Array(PARTITION_HEAD_BYTES),
    } as const;
  });
}

const recogniseFileSystem = (head: Uint8Array): FileSystem | undefined =>
  MAGICS.find(([, at, magic]) => Buffer.from(head).toString('hex', at, at + magic.length / 2) === magic)?.[0];

const isSupported = (system: FileSystem | undefined): boolean => system === 'ext4' || system === 'xfs';

/** Why a system cannot be deployed; undefined if no reason is known. */
export function judgeSystem(facts: SystemFacts, architecture: string): string | undefined {
  const loader = LOADERS[architecture];
  if (loader !== undefined && !facts.startsByBios && !facts.startsByUefi) {
    const bios = BIOS_CPUS.has(architecture) ? 'it has no loader for BIOS, and ' : '';
    const file = `EFI/BOOT/${loader.slice(0, 8).trimEnd()}.EFI`;
    return `a machine could not start it: ${bios}no EFI system partition has ${file}`;
  }
  const unsupported = facts.fileSystems
    .filter((system) => system !== undefined)
    .filter((system) => !isSupported(system));
  if (unsupported.length === 0 || facts.fileSystems.some(isSupported)) return undefined;
  return `a machine could not set it up: its root is on ${joinNames([...new Set(unsupported)], 3)}, and only ext4 and xfs are supported`;
}

/** Describes the findings in a sentence. */
export function describeSystem(facts: SystemFacts): string {
  const firmwares = [...(facts.startsByBios ? ['BIOS'] : []), ...(facts.startsByUefi ? ['UEFI'] : [])];
  const last = facts.fileSystems.at(-1);
  const start = firmwares.length === 0 ? 'how it starts is unknown' : `it starts by ${firmwares.join(' and ')}`;
  const grows = isSupported(last) ? `its last partition (${last}) grows` : 'its last partition keeps its size';
  const init = facts.hasCloudInit
    ? 'it contains cloud-init'
    : 'no cloud-init was found in it, so user data has no effect';
  return `${start}; ${grows}; ${init}`;
}
