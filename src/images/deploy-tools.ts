// The programs that deploying needs and busybox lacks: zstd, sfdisk, e2fsck, resize2fs, xfs_growfs. They lie beside the initrd as an archive of
// their own, which only machines fetch that are deployed or rescued; the initrd has its path and its hash.

import type { Apt } from './apt.ts';
import { makeToolArchive, type ToolArchive, toolPackages } from './tool-archive.ts';

/** Program and the package that has it. */
const PROGRAMS: readonly (readonly [program: string, name: string])[] = [
  ['zstd', 'zstd'],
  ['sfdisk', 'fdisk'],
  ['e2fsck', 'e2fsprogs'],
  ['resize2fs', 'e2fsprogs'],
];
/** What is taken where its package is given: a system on xfs is not grown without. */
const FURTHER_PROGRAMS: typeof PROGRAMS = [['xfs_growfs', 'xfsprogs']];
const packagesOf = (programs: typeof PROGRAMS): string[] => [...new Set(programs.map(([, name]) => name))];
const PACKAGES = packagesOf(PROGRAMS);

/** Names of the packages that hold the programs and their libraries. */
export const deployToolPackages = (apt: Apt): Promise<string[]> =>
  toolPackages(apt, [...PACKAGES, ...packagesOf(FURTHER_PROGRAMS)]);

/** True for a list of packages that has all the programs. */
export const hasDeployTools = (names: readonly string[]): boolean => PACKAGES.every((name) => names.includes(name));

/**
 * Makes the archive, and the entry of the initrd that names it.
 *
 * @param unpacked where the packages of `deployToolPackages` were unpacked
 * @param directory where the archive will be, relative to the boot tree
 * @param names of the packages that were unpacked
 * @throws RackError `bad-argument` naming a program or a library that none of the packages has
 */
export const makeDeployTools = (
  unpacked: string,
  directory: string,
  names: readonly string[],
): Promise<ToolArchive> => {
  const further = FURTHER_PROGRAMS.filter(([, name]) => names.includes(name));
  return makeToolArchive({
    ...{ unpacked, directory, name: 'tools' },
    programs: [...PROGRAMS, ...further].map(([name]) => name),
  });
};
