// Makes the image of a disk that boots with BIOS or UEFI: a partition table, GRUB, and one root file system.
//
//   1 MiB  GRUB's core (BIOS only)  |  64 MiB  EFI system partition, FAT  |  the root, ext4, last so that it can grow
//
// Sources: UEFI 2.10 §3.5.1.1 (removable media), §5.3 (GPT); GRUB's boot.S and diskboot.S for the
// two places that hold block numbers; sfdisk(8), mke2fs(8), mformat(1).
//
// 1. The build mounts nothing and uses no loop device: it needs no root, and the image cannot miss
//    pages that a mount caches.
// 2. Without root, the programs run in a user namespace with the owners of /etc/subuid, as in
//    mmdebstrap. fakeroot would lose capabilities.
// 3. The root keeps all of its archive: owners, capabilities, extended attributes with ACLs, hard
//    links, holes.
// 4. The same root, identifiers and time give the same partition table and boot code.

import { createHash } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import type { DebianPlatform, FileSystemIds } from './debian-root.ts';
import { isRootUser } from './debian-root.ts';
import { type ProgramOptions, runProgram } from './program.ts';

interface BootDiskRequest {
  readonly archive: string;
  readonly file: string;
  readonly workDir: string;
  readonly platform: DebianPlatform;
  readonly ids: FileSystemIds;
  readonly epochSeconds: number;
  /** The size of the disk, a multiple of a MiB. If undefined, it is what the system needs, plus SPARE_MIB. */
  readonly bytes?: number | undefined;
  readonly onProgress: (text: string) => void;
}

/** Start and size of a partition, in MiB. */
interface Extent {
  readonly startMib: number;
  readonly mib: number;
}

interface Layout {
  readonly bios: Extent | undefined;
  readonly esp: Extent;
  readonly root: Extent;
}

const MIB = 1024 * 1024;
const SECTOR_BYTES = 512;
const SECTORS_PER_MIB = MIB / SECTOR_BYTES;
const BIOS_MIB = 1;
/** Large enough for FAT32, which every firmware reads. */
const ESP_MIB = 64;
/** Two partition tables, aligned. */
const TABLES_MIB = 2;
/** Space for the files of the first boot: logs, package lists. */
const SPARE_MIB = 192;
/** Space for directories and maps, as a share of the files' size. */
const OVERHEAD = 0.06;
const JOURNAL_MIB = 32;
/** Without these options, tar would extract no extended attributes except those of users. */
const EXTRACT_ATTRIBUTES = ['--preserve-permissions', '--numeric-owner', '--xattrs', '--xattrs-include=*'];
/** The offset in GRUB's boot sector of the number of the core's first block. */
const BOOT_SECTOR_BLOCK_OFFSET = 0x5c;
/** The offset in the core's first block of the number of the next one. */
const CORE_BLOCK_OFFSET = 0x1f4;
/** The size of the boot code. The MBR's identifier and partition table follow it. */
const BOOT_CODE_BYTES = 440;

const PARTITION_TYPES = {
  bios: '21686148-6449-6E6F-744E-656564454649',
  esp: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  root: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
} as const;

/**
 * Makes the image.
 *
 * @returns its size in bytes
 * @throws RackError `tool-missing`, `tool-failed`; `bad-argument` if `bytes` is too small
 */
export async function makeBootDisk(request: BootDiskRequest): Promise<number> {
  const { archive, workDir, platform, onProgress } = request;
  const root = join(workDir, 'root');
  await mkdir(root);
  onProgress('Unpacking the system');
  try {
    await runAsOwner('tar', ['--extract', ...EXTRACT_ATTRIBUTES, '--file', archive, '--directory', root], {
      package: 'tar',
    });
    const layout = chooseLayout(platform, await measure(root), request.bytes);
    const bytes = (layout.root.startMib + layout.root.mib + 1) * MIB;
    const image = await open(request.file, 'wx', 0o644);
    try {
      await image.truncate(bytes);
    } finally {
      await image.close();
    }
    onProgress('Writing the partitions');
    await writeTable(request, layout);
    await writeEsp(request, layout.esp, root);
    if (layout.bios !== undefined) await writeBiosCode(request, layout.bios, root);
    onProgress('Writing the file system');
    await writeRoot(request, layout.root, root);
    return bytes;
  } finally {
    // This user cannot remove files of other owners outside the namespace.
    await runAsOwner('rm', ['-rf', root], { package: 'coreutils' });
  }
}

/** Measures the size of a tree in MiB, with blocks of 4 KiB. */
async function measure(root: string): Promise<number> {
  const output = await runAsOwner('du', ['--summarize', '--block-size=1M', root], { package: 'coreutils' });
  const text = output.toString('latin1');
  return Number(/^\d+/.exec(text)?.[0] ?? 0);
}

function chooseLayout(platform: DebianPlatform, filesMib: number, bytes: number | undefined): Layout {
  const bios = platform.hasBios ? { startMib: 1, mib: BIOS_MIB } : undefined;
  const esp = { startMib: 1 + (bios?.mib ?? 0), mib: ESP_MIB };
  const startMib = esp.startMib + esp.mib;
  const neededMib = Math.ceil(filesMib * (1 + OVERHEAD)) + JOURNAL_MIB;
  const requestedMib = bytes === undefined ? undefined : Math.floor(bytes / MIB) - startMib - 1;
  if (requestedMib !== undefined && requestedMib < neededMib) {
    const leastMib = neededMib + startMib + TABLES_MIB;
    throw new RackError(
      'bad-argument',
      `the system does not fit into ${Math.floor((bytes ?? 0) / MIB)} MiB: use --size ${leastMib}M or more`,
    );
  }
  return { bios, esp, root: { startMib, mib: requestedMib ?? neededMib + SPARE_MIB } };
}

/** Derives a UUID of the disk or a partition from the root file system's. */
function deriveUuid(ids: FileSystemIds, name: string): string {
  return formatUuid(createHash('sha256').update(`${ids.root} ${name}`).digest());
}

/** Formats the first 16 bytes as a version 4 UUID (RFC 9562 §5.4). */
export function formatUuid(bytes: Uint8Array): string {
  const uuid = Buffer.from(bytes.subarray(0, 16));
  uuid.writeUInt8((uuid.readUInt8(6) & 0x0f) | 0x40, 6);
  uuid.writeUInt8((uuid.readUInt8(8) & 0x3f) | 0x80, 8);
  return uuid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

async function writeTable({ file, ids }: BootDiskRequest, layout: Layout): Promise<void> {
  const formatPartition = (name: keyof typeof PARTITION_TYPES, extent: Extent | undefined): string =>
    extent === undefined
      ? ''
      : `start=${extent.startMib}MiB, size=${extent.mib}MiB, type=${PARTITION_TYPES[name]}, uuid=${deriveUuid(ids, name)}, name=${name}\n`;
  const lines = [
    formatPartition('bios', layout.bios),
    formatPartition('esp', layout.esp),
    formatPartition('root', layout.root),
  ];
  const script = `label: gpt\nlabel-id: ${deriveUuid(ids, 'disk')}\n${lines.join('')}`;
  await runProgram('sfdisk', ['--quiet', file], { package: 'fdisk', input: script });
}

/**
 * Writes the loaders to the path that firmware tries, and to Debian's own path. The GRUB
 * configuration at Debian's path loads the configuration of the root file system.
 */
async function writeEsp(request: BootDiskRequest, extent: Extent, root: string): Promise<void> {
  const { file, platform, ids, workDir, epochSeconds } = request;
  const { efi, grubDirectory } = platform;
  const target = `${file}@@${extent.startMib}M`;
  const options = {
    package: 'mtools',
    environment: { SOURCE_DATE_EPOCH: String(epochSeconds), MTOOLS_SKIP_CHECK: '1' },
  };
  const sectors = String(extent.mib * SECTORS_PER_MIB);
  const serial = ids.esp.replace('-', '');
  await runProgram(
    'mformat',
    ['-i', target, '-F', '-T', sectors, '-h', '64', '-s', '32', '-N', serial, '-v', 'ESP', '::'],
    options,
  );
  await runProgram('mmd', ['-i', target, '::/EFI', '::/EFI/BOOT', '::/EFI/debian'], options);
  const shim = join(root, `usr/lib/shim/shim${efi}.efi.signed`);
  const mokManager = join(root, `usr/lib/shim/mm${efi}.efi.signed`);
  const grub = join(root, `usr/lib/grub/${grubDirectory}-signed/grub${efi}.efi.signed`);
  const configuration = join(workDir, 'grub.cfg');
  await writeText(
    configuration,
    `search.fs_uuid ${ids.root} root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n`,
  );
  for (const [source, destination] of [
    [shim, `BOOT/BOOT${efi.toUpperCase()}.EFI`],
    [mokManager, `BOOT/mm${efi}.efi`],
    [grub, `BOOT/grub${efi}.efi`],
    [shim, `debian/shim${efi}.efi`],
    [mokManager, `debian/mm${efi}.efi`],
    [grub, `debian/grub${efi}.efi`],
    [configuration, 'debian/grub.cfg'],
  ] as const) {
    await runProgram('mcopy', ['-i', target, '-m', source, `::/EFI/${destination}`], options);
  }
}

async function writeText(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o644);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}

/**
 * Writes GRUB's boot sector before the partition table, and its core into its partition. The boot
 * sector and the core each contain the number of the block to load next.
 */
async function writeBiosCode({ file }: BootDiskRequest, extent: Extent, root: string): Promise<void> {
  const bootSector = await readFile(join(root, 'boot/grub/i386-pc/boot.img'));
  const core = await readFile(join(root, 'boot/grub/i386-pc/core.img'));
  if (core.length > extent.mib * MIB) {
    throw new RackError(
      'tool-failed',
      `GRUB's core has ${counted(core.length, 'byte')}, more than its partition holds`,
    );
  }
  const block = BigInt(extent.startMib * SECTORS_PER_MIB);
  bootSector.writeBigUInt64LE(block, BOOT_SECTOR_BLOCK_OFFSET);
  core.writeBigUInt64LE(block + 1n, CORE_BLOCK_OFFSET);
  const image = await open(file, 'r+');
  try {
    await image.write(bootSector, 0, BOOT_CODE_BYTES, 0);
    await image.write(core, 0, core.length, extent.startMib * MIB);
  } finally {
    await image.close();
  }
}

async function writeRoot(request: BootDiskRequest, extent: Extent, root: string): Promise<void> {
  const { file, ids, epochSeconds } = request;
  const extendedOptions = `offset=${extent.startMib * MIB},hash_seed=${ids.root},lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0`;
  const args = [
    '-q',
    '-F',
    '-t',
    'ext4',
    '-b',
    '4096',
    '-J',
    `size=${JOURNAL_MIB}`,
    '-L',
    'root',
    '-U',
    ids.root,
    // Quirk: GRUB 2.06 and older cannot read file systems with these features of a newer mke2fs.
    '-O',
    '^metadata_csum_seed,^orphan_file',
    '-E',
    extendedOptions,
    '-d',
    root,
    file,
    `${extent.mib}M`,
  ];
  await runAsOwner('mke2fs', args, {
    package: 'e2fsprogs',
    environment: { E2FSPROGS_FAKE_TIME: String(epochSeconds) },
  });
}

/** Runs a program that handles files of many owners. */
const runAsOwner = (name: string, args: readonly string[], options: ProgramOptions): Promise<Buffer> =>
  isRootUser()
    ? runProgram(name, args, options)
    : runProgram('unshare', ['--map-auto', '--map-root-user', '--', name, ...args], options);
