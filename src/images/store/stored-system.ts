// A system in the store, in the form of MAAS's streams: its root with its kernel and initrd,
// instead of a disk image. A machine sets up the disk for it. The shapes are those of manifests.

import { z } from 'zod';
import { cleanText } from '../../ground/clean-text.ts';

/**
 * The formats of a root: a squashfs file system, a tar archive in any compression, or another file
 * system compressed with gzip.
 */
const ROOT_FORMATS = ['squashfs', 'root.tar', 'root.gz'] as const;
export type RootFormat = (typeof ROOT_FORMATS)[number];
export const formatShape = z.enum(['raw', 'raw.zst', ...ROOT_FORMATS]);

export const SYSTEM_FILES_MAX = 16;
/** Bound on the kept subarchitectures. MAAS's streams have some 30. */
const SUBARCHES_MAX = 64;
const NAME = /^[a-z0-9][a-z0-9_.+-]{0,62}$/;
/** A kernel's name that stays the same over the kernels of several releases, such as `hwe-rolling`. */
const ROLLING_KERNEL = /^(?:ga|hwe)-rolling(?:-|$)/;

/** A hash, hexadecimal. */
export const hashShape = z.string().regex(/^[0-9a-f]{64}$/);
export const bytesShape = z.number().int().positive();
const treeName = z.string().regex(NAME);

const fileShape = z.object({ name: treeName, sha256: hashShape, bytes: bytesShape });
/** A file of a system: `boot-kernel`, `boot-initrd`, `boot-dtb`, `squashfs.manifest`. */
export type SystemFile = Readonly<z.output<typeof fileShape>>;

export const systemShape = z
  .object({
    /** The stream's name, `ga-24.04`, which also names a directory of the boot tree. */
    subarch: treeName,
    /** The subarchitectures by the stream's names. Undefined if the system has only its own. */
    subarches: z.array(z.string()).readonly().transform(filterSubarches).optional(),
    /** The name of the root in the boot tree, such as `squashfs` or `root-tgz`. */
    rootName: treeName,
    files: z.array(fileShape).max(SYSTEM_FILES_MAX).readonly(),
  })
  // Two files with the same name could not be in one directory.
  .refine(({ rootName, files }) => new Set([rootName, ...files.map(({ name }) => name)]).size > files.length);
export type StoredSystem = Readonly<z.output<typeof systemShape>>;

/** A file as its source publishes it. The hash is in lower case. */
export const originShape = z.object({
  source: z.string().transform((name) => cleanText(name)),
  algorithm: z.enum(['sha256', 'sha512', 'md5']),
  hex: z.string(),
});
export type ImageOrigin = Readonly<z.output<typeof originShape>>;

/** How a disk image starts and is set up, as found when it was added. */
export const signsShape = z.object({ startsByBios: z.boolean(), startsByUefi: z.boolean(), hasCloudInit: z.boolean() });
export type ImageSigns = Readonly<z.output<typeof signsShape>>;

/** True for the format of a root. */
export const isRootFormat = (format: string): format is RootFormat => ROOT_FORMATS.some((known) => known === format);

/** True for a name that is allowed in the boot tree. */
export const isTreeName = (name: string): boolean => NAME.test(name);

/**
 * Lists the names of a system's kernel, such as `hwe-24.04` and `hwe-rolling`. Each names a
 * directory of the boot tree.
 */
export const listKernelNames = ({
  subarch,
  subarches = [],
}: Pick<StoredSystem, 'subarch' | 'subarches'>): readonly string[] => [
  ...new Set([subarch, ...subarches.filter((name) => ROLLING_KERNEL.test(name))]),
];

/** Filters the valid names in a list, at most SUBARCHES_MAX. */
export function filterSubarches(list: readonly string[]): readonly string[] {
  return list.filter(isTreeName).slice(0, SUBARCHES_MAX);
}

/** Top-level directories of the boot tree that belong to no system. */
const RESERVED_DIRECTORIES = new Set([
  'images',
  'bootloader',
  'grub',
  'pxelinux.cfg',
  'amd64',
  'arm64',
  'armhf',
  'i386',
]);

/** Loaders and their files in the top directory of the boot tree, but not `rhel8.0`. */
const LOADER_NAME = /\.(?:efi(?:\.signed)?|c32|e32|e64|kk?pxe|pxe|ipxe|l?krn|cfg)$|[a-z]\.0$/;

/** Finds why no system may have this name. Undefined if one may. */
export function judgeSystemName(os: string): string | undefined {
  if (RESERVED_DIRECTORIES.has(os)) return `the boot tree already uses the name ${os}`;
  return LOADER_NAME.test(os) ? `the name ${os} may be that of a boot loader: choose one with another end` : undefined;
}
