// The programs that a deployment needs and busybox lacks: zstd, sfdisk, mke2fs, e2fsck, resize2fs; tar and unsquashfs for the roots of
// systems; lvm, mdadm, mkfs.xfs, mkfs.btrfs and GNU's grep for laid-out disks. They form a separate archive next to the initrd, which
// contains the archive's path and hash. Only machines that are deployed or rescued fetch the archive.

import type { Apt } from './apt.ts';
import { makeToolArchive, type ToolArchive, toolPackages } from './tool-archive.ts';

/** Each program and its package. */
const PROGRAMS: readonly (readonly [program: string, name: string])[] = [
  ['zstd', 'zstd'],
  ['sfdisk', 'fdisk'],
  ['mke2fs', 'e2fsprogs'],
  ['e2fsck', 'e2fsprogs'],
  ['resize2fs', 'e2fsprogs'],
];
/**
 * Optional programs, each included if its package is given. Without them, xfs cannot grow, and archives, squashfs and laid-out disks cannot
 * be deployed.
 */
const OPTIONAL_PROGRAMS: typeof PROGRAMS = [
  ['xfs_growfs', 'xfsprogs'],
  ['tar', 'tar'],
  ['unsquashfs', 'squashfs-tools'],
  ['lvm', 'lvm2'],
  ['mdadm', 'mdadm'],
  ['mkfs.xfs', 'xfsprogs'],
  ['mkfs.btrfs', 'btrfs-progs'],
  ['grep', 'grep'],
];
const packagesOf = (programs: typeof PROGRAMS): string[] => [...new Set(programs.map(([, name]) => name))];
const PACKAGES = packagesOf(PROGRAMS);

/** The names of the packages that contain the programs and their libraries. */
export const deployToolPackages = (apt: Apt): Promise<string[]> =>
  toolPackages(apt, [...PACKAGES, ...packagesOf(OPTIONAL_PROGRAMS)]);

/** True if the packages contain all required programs. */
export const hasDeployTools = (names: readonly string[]): boolean => PACKAGES.every((name) => names.includes(name));

/**
 * Makes the archive, and the initrd entry that names it.
 *
 * @param unpacked where the packages of `deployToolPackages` were unpacked
 * @param directory where the archive will be, relative to the boot tree
 * @param names the names of the unpacked packages
 * @throws RackError `bad-argument` naming a program or library that no package contains
 */
export const makeDeployTools = (
  unpacked: string,
  directory: string,
  names: readonly string[],
): Promise<ToolArchive> => {
  const optional = OPTIONAL_PROGRAMS.filter(([, name]) => names.includes(name));
  return makeToolArchive({
    unpacked,
    directory,
    name: 'tools',
    programs: [...PROGRAMS, ...optional].map(([name]) => name),
  });
};
