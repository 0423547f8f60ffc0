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
  /** A multiple of a MiB; undefined: what the system needs, plus SPARE_MIB. */
  readonly bytes?: number | undefined;
  readonly onProgress: (text: string) => void;
}

/** The place of a partition, in MiB. */
interface Place {
  readonly startMib: number;
  readonly mib: number;
}

interface Layout {
  readonly bios: Place | undefined;
  readonly esp: Place;
  readonly root: Place;
}

const MIB = 1024 * 1024;
const SECTOR_BYTES = 512;
const SECTORS_PER_MIB = MIB / SECTOR_BYTES;
const BIOS_MIB = 1;
/** FAT32, which every firmware reads, fits. */
const ESP_MIB = 64;
/** Two partition tables, aligned. */
const TABLES_MIB = 2;
/** Space for the files of the first boot: logs, package lists. */
const SPARE_MIB = 192;
/** Space for directories and maps, as a share of the files' size. */
const OVERHEAD = 0.06;
const JOURNAL_MIB = 32;
/** The options of tar without which it would extract no attributes but those of users. */
const KEEP_ALL = ['--preserve-permissions', '--numeric-owner', '--xattrs', '--xattrs-include=*'];
/** The offset in GRUB's boot sector of the number of the core's first block. */
const BOOT_SECTOR_BLOCK_AT = 0x5c;
/** The offset in the core's first block of the number of the next one. */
const CORE_BLOCK_AT = 0x1f4;
/** The MBR's identifier and partition table follow. */
const BOOT_CODE_BYTES = 440;

const TYPES = {
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
    await runAsOwner('tar', ['--extract', ...KEEP_ALL, '--file', archive, '--directory', root], { package: 'tar' });
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

/** The size of a tree in MiB, with blocks of 4 KiB. */
async function measure(root: string): Promise<number> {
  const output = await runAsOwner('du', ['--summarize', '--block-size=1M', root], { package: 'coreutils' });
  const text = output.toString('latin1');
  return Number(/^\d+/.exec(text)?.[0] ?? 0);
}

function chooseLayout(platform: DebianPlatform, filesMib: number, bytes: number | undefined): Layout {
  const bios = platform.hasBios ? { startMib: 1, mib: BIOS_MIB } : undefined;
  const esp = { startMib: 1 + (bios?.mib ?? 0), mib: ESP_MIB };
  const startMib = esp.startMib + esp.mib;
  const needed = Math.ceil(filesMib * (1 + OVERHEAD)) + JOURNAL_MIB;
  const requestedMib = bytes === undefined ? undefined : Math.floor(bytes / MIB) - startMib - 1;
  if (requestedMib !== undefined && requestedMib < needed) {
    const least = needed + startMib + TABLES_MIB;
    throw new RackError(
      'bad-argument',
      `the system does not fit into ${Math.floor((bytes ?? 0) / MIB)} MiB: use --size ${least}M or more`,
    );
  }
  return { bios, esp, root: { startMib, mib: requestedMib ?? needed + SPARE_MIB } };
}

/** Derives a UUID of the disk or a partition from the root file system's. */
function deriveUuid(ids: FileSystemIds, name: string): string {
  return formatUuid(createHash('sha256').update(`${ids.root} ${name}`).digest());
}

/** Formats the first 16 bytes as a version 4 UUID (RFC 9562 §5.4). */
export function formatUuid(bytes: Uint8Array): string {
  const taken = Buffer.from(bytes.subarray(0, 16));
  taken.writeUInt8((taken.readUInt8(6) & 0x0f) | 0x40, 6);
  taken.writeUInt8((taken.readUInt8(8) & 0x3f) | 0x80, 8);
  return taken.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

async function writeTable({ file, ids }: BootDiskRequest, layout: Layout): Promise<void> {
  const line = (name: keyof typeof TYPES, place: Place | undefined): string =>
    place === undefined
      ? ''
      : `start=${place.startMib}MiB, size=${place.mib}MiB, type=${TYPES[name]}, uuid=${deriveUuid(ids, name)}, name=${name}\n`;
  const lines = [line('bios', layout.bios), line('esp', layout.esp), line('root', layout.root)];
  const script = `label: gpt\nlabel-id: ${deriveUuid(ids, 'disk')}\n${lines.join('')}`;
  await runProgram('sfdisk', ['--quiet', file], { package: 'fdisk', input: script });
}

/**
 * Writes the loaders to the path that firmware tries and to Debian's own. The latter's GRUB
 * configuration loads that of the root file system.
 */
async function writeEsp(request: BootDiskRequest, place: Place, root: string): Promise<void> {
  const { file, platform, ids, workDir, epochSeconds } = request;
  const { efi, grub: folder } = platform;
  const target = `${file}@@${place.startMib}M`;
  const options = {
    package: 'mtools',
    environment: { SOURCE_DATE_EPOCH: String(epochSeconds), MTOOLS_SKIP_CHECK: '1' },
  };
  const sectors = String(place.mib * SECTORS_PER_MIB);
  const serial = ids.esp.replace('-', '');
  await runProgram(
    'mformat',
    ['-i', target, '-F', '-T', sectors, '-h', '64', '-s', '32', '-N', serial, '-v', 'ESP', '::'],
    options,
  );
  await runProgram('mmd', ['-i', target, '::/EFI', '::/EFI/BOOT', '::/EFI/debian'], options);
  const shim = join(root, `usr/lib/shim/shim${efi}.efi.signed`);
  const keys = join(root, `usr/lib/shim/mm${efi}.efi.signed`);
  const grub = join(root, `usr/lib/grub/${folder}-signed/grub${efi}.efi.signed`);
  const configuration = join(workDir, 'grub.cfg');
  await writeText(
    configuration,
    `search.fs_uuid ${ids.root} root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n`,
  );
  for (const [from, to] of [
    [shim, `BOOT/BOOT${efi.toUpperCase()}.EFI`],
    [keys, `BOOT/mm${efi}.efi`],
    [grub, `BOOT/grub${efi}.efi`],
    [shim, `debian/shim${efi}.efi`],
    [keys, `debian/mm${efi}.efi`],
    [grub, `debian/grub${efi}.efi`],
    [configuration, 'debian/grub.cfg'],
  ] as const) {
    await runProgram('mcopy', ['-i', target, '-m', from, `::/EFI/${to}`], options);
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
 * Writes GRUB's boot sector before the partition table, and its core into its partition. Each names
 * the block to load next.
 */
async function writeBiosCode({ file }: BootDiskRequest, place: Place, root: string): Promise<void> {
  const first = await readFile(join(root, 'boot/grub/i386-pc/boot.img'));
  const core = await readFile(join(root, 'boot/grub/i386-pc/core.img'));
  if (core.length > place.mib * MIB) {
    throw new RackError(
      'tool-failed',
      `GRUB's core has ${counted(core.length, 'byte')}, more than its partition holds`,
    );
  }
  const block = BigInt(place.startMib * SECTORS_PER_MIB);
  first.writeBigUInt64LE(block, BOOT_SECTOR_BLOCK_AT);
  core.writeBigUInt64LE(block + 1n, CORE_BLOCK_AT);
  const image = await open(file, 'r+');
  try {
    await image.write(first, 0, BOOT_CODE_BYTES, 0);
    await image.write(core, 0, core.length, place.startMib * MIB);
  } finally {
    await image.close();
  }
}

async function writeRoot(request: BootDiskRequest, place: Place, root: string): Promise<void> {
  const { file, ids, epochSeconds } = request;
  const extended = `offset=${place.startMib * MIB},hash_seed=${ids.root},lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0`;
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
    extended,
    '-d',
    root,
    file,
    `${place.mib}M`,
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
