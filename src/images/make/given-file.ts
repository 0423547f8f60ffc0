// Recognises a file that a person wants to add or import, by its bytes.
//
//   the first bytes ─▶ squashfs, disc, archive (packed or not), or else a disk
//   an archive ─▶ its members, up to the first one that shows what it is
//
// 1. A name proves nothing, except the names in an archive.
// 2. A damaged file counts as a disk. The reader of disks then says what is wrong.

import { counted } from '../../ground/counted.ts';
import type { ImageBytes } from '../content/disk-image.ts';
import { FILE_HEAD_BYTES } from '../content/disk-image.ts';
import { isDamage } from '../content/image-copy.ts';
import { recogniseCompression } from '../content/image-expansion.ts';
import { IMAGE_NAME, listTar, NotTarFault, TarFault, type TarMember } from '../content/packed-tar.ts';
import type { RootFormat } from '../store/stored-system.ts';

export interface RootForm {
  readonly kind: 'root';
  readonly format: RootFormat;
  readonly rootName: string;
}

type ArchiveKind =
  | 'root'
  | 'disk'
  /** Images that `images export` wrote. */
  | 'bundle'
  | 'site'
  | 'netboot';

export type RecognisedFile =
  | RootForm
  | { readonly kind: Exclude<ArchiveKind, 'root'> }
  | { readonly kind: 'disc' }
  | { readonly kind: 'nested'; readonly directory: string };

/** Names of roots by compression. Hosts that import from this one know these names. */
const ROOT_NAMES = {
  gzip: 'root-tgz',
  xz: 'root-txz',
  bzip2: 'root-tbz',
  zstd: 'root.tar.zst',
  none: 'root.tar',
} as const;
const SQUASHFS: RootForm = { kind: 'root', format: 'squashfs', rootName: 'squashfs' };
const DISC_MAGIC_OFFSET = 32_769;
const BUNDLE_FIRST_NAME = 'rackboot-images-1';
/** Top-level directories that only a system has. */
const SYSTEM_DIRECTORIES = new Set([
  'bin',
  'sbin',
  'lib',
  'lib32',
  'lib64',
  'libx32',
  'etc',
  'usr',
  'dev',
  'proc',
  'sys',
]);
/** Top-level directories of a system in which a disk image may also lie. */
const DIRECTORIES_WITH_DISKS = new Set(['boot', 'home', 'media', 'mnt', 'opt', 'root', 'run', 'srv', 'tmp', 'var']);
const INITRD_NAME = /\/init(?:rd|ramfs)[^/]*$/;
const NETBOOT_NAMES = new Set(['debian-installer', 'ubuntu-installer', 'pxelinux.0', 'version.info']);
/** Bound on the members that are read while none shows the kind of the archive. */
const UNKNOWN_MEMBERS_MAX = 100_000;

class RecognisedArchive extends Error {
  readonly kind: ArchiveKind;
  constructor(kind: ArchiveKind) {
    super(kind);
    this.kind = kind;
  }
}

/** Recognises a file. Rejects with RackError `tool-missing` without the program that expands it. */
export async function recogniseFile(file: ImageBytes): Promise<RecognisedFile> {
  const head = Buffer.from(await file.read(0, FILE_HEAD_BYTES));
  if (head.toString('latin1', 0, 4) === 'hsqs') return SQUASHFS;
  const compression = recogniseCompression(head);
  if (compression === undefined && head.toString('latin1', DISC_MAGIC_OFFSET, DISC_MAGIC_OFFSET + 5) === 'CD001')
    return { kind: 'disc' };
  const archive = await recogniseArchive(file);
  if (typeof archive === 'object') return archive;
  if (archive !== 'root') return { kind: archive };
  return { kind: 'root', format: 'root.tar', rootName: ROOT_NAMES[compression ?? 'none'] };
}

async function recogniseArchive(file: ImageBytes): Promise<ArchiveKind | { kind: 'nested'; directory: string }> {
  let nested: string | undefined;
  let members = 0;
  const checkMember = (member: TarMember): void => {
    members += 1;
    if (members > UNKNOWN_MEMBERS_MAX)
      throw new TarFault(`none of its first ${counted(UNKNOWN_MEMBERS_MAX, 'member')} is known`);
    const kind = recogniseMember(member);
    // A root in a directory may have files that are named like images.
    if (kind !== undefined && (kind !== 'disk' || nested === undefined)) throw new RecognisedArchive(kind);
    nested ??= /^(.+?)\/(?:etc|usr)(?:\/|$)/.exec(member.name)?.[1];
  };
  try {
    await listTar(file, checkMember);
  } catch (error) {
    if (error instanceof RecognisedArchive) return error.kind;
    if (!(error instanceof NotTarFault || error instanceof TarFault || isDamage(error))) throw error;
  }
  return nested === undefined ? 'disk' : { kind: 'nested', directory: nested };
}

function recogniseMember({ name, isFile }: TarMember): ArchiveKind | undefined {
  const [topName = '', second] = name.split('/');
  if (name === BUNDLE_FIRST_NAME) return 'bundle';
  if (topName === 'streams' && second === 'v1') return 'site';
  if (NETBOOT_NAMES.has(topName)) return 'netboot';
  if (SYSTEM_DIRECTORIES.has(topName) && (second !== undefined || !isFile)) return 'root';
  const isImage = IMAGE_NAME.test(name) && !INITRD_NAME.test(name) && isFile;
  return isImage && !DIRECTORIES_WITH_DISKS.has(topName) ? 'disk' : undefined;
}
