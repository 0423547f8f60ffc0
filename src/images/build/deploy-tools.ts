// The programs that a deployment needs and busybox lacks: zstd, sfdisk, mke2fs, e2fsck, resize2fs;
// tar and unsquashfs for the roots of systems; lvm, mdadm, mkfs.xfs, mkfs.btrfs and GNU's grep for
// laid-out disks. They form an archive next to the initrd, which only machines that are deployed or
// rescued fetch.

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
 * Optional programs, each included if its package is given. Without them, xfs cannot grow, and
 * archives, squashfs and laid-out disks cannot be deployed.
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
const listPackages = (programs: typeof PROGRAMS): string[] => [...new Set(programs.map(([, name]) => name))];
const PACKAGES = listPackages(PROGRAMS);

export const deployToolPackages = (apt: Apt): Promise<string[]> =>
  toolPackages(apt, [...PACKAGES, ...listPackages(OPTIONAL_PROGRAMS)]);

export const hasDeployTools = (names: readonly string[]): boolean => PACKAGES.every((name) => names.includes(name));

/**
 * Makes the archive, and its entry in the initrd.
 *
 * @param unpacked where the packages of `deployToolPackages` were unpacked
 * @param directory of the archive, relative to the boot tree
 * @param names of the unpacked packages
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
