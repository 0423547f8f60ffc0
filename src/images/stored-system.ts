// A system in the store, in the form of MAAS's streams: its root as a file system or an archive instead of a disk image, with its kernel
// and initrd. A machine that is deployed from it sets up the disk itself.

import { cleanText } from '../clean-text.ts';
import { isFields } from '../fields.ts';

/** The format of a root: a squashfs file system, a tar archive in any compression, or another file system compressed with gzip. */
export type RootFormat = 'squashfs' | 'root.tar' | 'root.gz';

/** The files of a system. */
export interface StoredSystem {
  /** The stream's name of the subarchitecture: `ga-24.04`. It also names a directory of the boot tree. */
  readonly subarch: string;
  /** Every subarchitecture that it supports, by the stream's names; undefined: only its own. */
  readonly subarches?: readonly string[] | undefined;
  /** The name of the root in the boot tree: `squashfs`, `root-tgz`. */
  readonly rootName: string;
  /** The other files: `boot-kernel`, `boot-initrd`, `boot-dtb`, `squashfs.manifest`. */
  readonly files: readonly SystemFile[];
}

/** A file of a system. */
export interface SystemFile {
  /** Its name in the boot tree. */
  readonly name: string;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly bytes: number;
}

/** A file that a source of images publishes. */
export interface ImageOrigin {
  /** The name of the source. */
  readonly source: string;
  readonly algorithm: 'sha256' | 'sha512' | 'md5';
  /** As published; lower case. */
  readonly hex: string;
}

/** How a disk image starts and is set up, judging by its content when it was added. */
export interface ImageSigns {
  readonly startsByBios: boolean;
  readonly startsByUefi: boolean;
  readonly hasCloudInit: boolean;
}

/** The most files of one system. */
export const SYSTEM_FILES_MAX = 16;
/** The most subarchitectures that are kept; MAAS's streams have some 30. */
const SUBARCHES_MAX = 64;
const NAME = /^[a-z0-9][a-z0-9_.+-]{0,62}$/;
/** A kernel's name that stays the same from one release's kernel to the next: `hwe-rolling`, `hwe-rolling-edge`. */
const ROLLING = /^(?:ga|hwe)-rolling(?:-|$)/;
const HASH = /^[0-9a-f]{64}$/;

/** True for the format of a root. */
export const isRootFormat = (format: string): format is RootFormat =>
  format === 'squashfs' || format === 'root.tar' || format === 'root.gz';

/** True for a name that is allowed in the boot tree. */
export const isTreeName = (name: string): boolean => NAME.test(name);

/** The names of a system's kernel, each of which names a directory of the boot tree: `hwe-24.04`, `hwe-rolling`. */
export const kernelNames = ({
  subarch,
  subarches = [],
}: Pick<StoredSystem, 'subarch' | 'subarches'>): readonly string[] => [
  ...new Set([subarch, ...subarches.filter((name) => ROLLING.test(name))]),
];

/** Reads the system in a manifest; undefined if it is missing or invalid. */
export function decodeSystem(value: unknown): StoredSystem | undefined {
  if (!isFields(value) || !Array.isArray(value.files) || value.files.length > SYSTEM_FILES_MAX) return undefined;
  const { subarch, rootName } = value;
  if (typeof subarch !== 'string' || !isTreeName(subarch)) return undefined;
  if (typeof rootName !== 'string' || !isTreeName(rootName)) return undefined;
  const files = value.files.map(decodeFile).filter((file) => file !== undefined);
  const names = new Set([rootName, ...files.map(({ name }) => name)]);
  // Names that two files have would make its directory in the boot tree impossible.
  if (files.length < value.files.length || names.size <= files.length) return undefined;
  const subarches = subarchesIn(value.subarches);
  return { subarch, ...(subarches.length === 0 ? {} : { subarches }), rootName, files };
}

/** The valid names in a list, at most SUBARCHES_MAX. */
export function subarchesIn(list: unknown): readonly string[] {
  if (!Array.isArray(list)) return [];
  return list.filter((name) => typeof name === 'string' && isTreeName(name)).slice(0, SUBARCHES_MAX);
}

/** The signs in a manifest; empty if they are missing or invalid. */
export function signsIn(value: unknown): { readonly signs?: ImageSigns } {
  if (!isFields(value)) return {};
  const { startsByBios, startsByUefi, hasCloudInit } = value;
  if (typeof startsByBios !== 'boolean' || typeof startsByUefi !== 'boolean') return {};
  return typeof hasCloudInit === 'boolean' ? { signs: { startsByBios, startsByUefi, hasCloudInit } } : {};
}

/** The origin of an image; empty if it cannot be read, which costs only another download. */
export function originIn(value: unknown): { readonly origin?: ImageOrigin } {
  if (!isFields(value)) return {};
  const { source, algorithm, hex } = value;
  if (typeof source !== 'string' || typeof hex !== 'string') return {};
  if (algorithm !== 'sha256' && algorithm !== 'sha512' && algorithm !== 'md5') return {};
  return { origin: { source: cleanText(source), algorithm, hex } };
}

function decodeFile(value: unknown): SystemFile | undefined {
  if (!isFields(value)) return undefined;
  const { name, sha256, bytes } = value;
  if (typeof name !== 'string' || !isTreeName(name) || typeof sha256 !== 'string' || !HASH.test(sha256))
    return undefined;
  return typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes > 0 ? { name, sha256, bytes } : undefined;
}

/** Top-level directories of the boot tree that do not belong to a system. */
const RESERVED = new Set(['images', 'bootloader', 'grub', 'pxelinux.cfg', 'amd64', 'arm64', 'armhf', 'i386']);

/** The names of boot loaders and of their files in the top directory of the boot tree, but not `rhel8.0`. */
const LOADER_NAME = /\.(?:efi(?:\.signed)?|c32|e32|e64|kk?pxe|pxe|ipxe|l?krn|cfg)$|[a-z]\.0$/;

/** Why no system may have this name; undefined: it may. */
export function judgeSystemName(os: string): string | undefined {
  if (RESERVED.has(os)) return `the boot tree already uses the name ${os}`;
  return LOADER_NAME.test(os) ? `the name ${os} may be that of a boot loader: choose one with another end` : undefined;
}
