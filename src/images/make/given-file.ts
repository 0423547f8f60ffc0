// Recognises a file that a person wants to add or import, by its bytes.
//
//   the first bytes ─▶ squashfs, disc, archive (packed or not), or else a disk
//   an archive ─▶ its members, up to the first one that shows what it is
//
// 1. A name proves nothing, except the names in an archive.
// 2. A damaged file counts as a disk, whose reader says why.

import { counted } from '../../ground/counted.ts';
import type { ImageBytes } from '../content/disk-image.ts';
import { FILE_HEAD_BYTES } from '../content/disk-image.ts';
import { isDamage } from '../content/image-copy.ts';
import { recogniseCompression } from '../content/image-expansion.ts';
import { IMAGE_NAME, listTar, NoTar, TarFault, type TarMember } from '../content/packed-tar.ts';
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

export type GivenFile =
  | RootForm
  | { readonly kind: Exclude<ArchiveKind, 'root'> }
  | { readonly kind: 'disc' }
  | { readonly kind: 'nested'; readonly directory: string };

/** Names of roots by compression; hosts that import from this one know these names. */
const ROOT_NAMES = {
  gzip: 'root-tgz',
  xz: 'root-txz',
  bzip2: 'root-tbz',
  zstd: 'root.tar.zst',
  none: 'root.tar',
} as const;
const SQUASHFS: RootForm = { kind: 'root', format: 'squashfs', rootName: 'squashfs' };
const DISC_AT = 32_769;
const FIRST_OF_BUNDLE = 'rackboot-images-1';
/** The directories that only a system has at its top. */
const SYSTEM_TOPS = new Set(['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'etc', 'usr', 'dev', 'proc', 'sys']);
/** A person may also keep a disk image in these. */
const OTHER_TOPS = new Set(['boot', 'home', 'media', 'mnt', 'opt', 'root', 'run', 'srv', 'tmp', 'var']);
const INITRD_NAME = /\/init(?:rd|ramfs)[^/]*$/;
const NETBOOT_TOPS = new Set(['debian-installer', 'ubuntu-installer', 'pxelinux.0', 'version.info']);
/** An archive is read up to this member if none shows what it is. */
const UNKNOWN_MAX = 100_000;

class Recognised extends Error {
  readonly kind: ArchiveKind;
  constructor(kind: ArchiveKind) {
    super(kind);
    this.kind = kind;
  }
}

/** Recognises a file. Rejects with RackError `tool-missing` without the program that expands it. */
export async function recogniseFile(file: ImageBytes): Promise<GivenFile> {
  const head = Buffer.from(await file.read(0, FILE_HEAD_BYTES));
  if (head.toString('latin1', 0, 4) === 'hsqs') return SQUASHFS;
  const compression = recogniseCompression(head);
  if (compression === undefined && head.toString('latin1', DISC_AT, DISC_AT + 5) === 'CD001') return { kind: 'disc' };
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
    if (members > UNKNOWN_MAX) throw new TarFault(`none of its first ${counted(UNKNOWN_MAX, 'member')} is known`);
    const kind = kindBy(member);
    // A root in a directory may have files that are named like images.
    if (kind !== undefined && (kind !== 'disk' || nested === undefined)) throw new Recognised(kind);
    nested ??= /^(.+?)\/(?:etc|usr)(?:\/|$)/.exec(member.name)?.[1];
  };
  try {
    await listTar(file, checkMember);
  } catch (error) {
    if (error instanceof Recognised) return error.kind;
    if (!(error instanceof NoTar || error instanceof TarFault || isDamage(error))) throw error;
  }
  return nested === undefined ? 'disk' : { kind: 'nested', directory: nested };
}

function kindBy({ name, isFile }: TarMember): ArchiveKind | undefined {
  const [top = '', second] = name.split('/');
  if (name === FIRST_OF_BUNDLE) return 'bundle';
  if (top === 'streams' && second === 'v1') return 'site';
  if (NETBOOT_TOPS.has(top)) return 'netboot';
  if (SYSTEM_TOPS.has(top) && (second !== undefined || !isFile)) return 'root';
  const isImage = IMAGE_NAME.test(name) && !INITRD_NAME.test(name) && isFile;
  return isImage && !OTHER_TOPS.has(top) ? 'disk' : undefined;
}
