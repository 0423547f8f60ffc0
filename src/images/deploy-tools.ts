// The programs that deploying needs and busybox lacks: zstd, sfdisk, e2fsck and resize2fs. They lie beside the initrd as an archive of
// their own, which only machines fetch that are deployed; the initrd has its path and its hash.
//
// 1. The initrd and its archive are published together; a machine takes no archive but the one that was built with its initrd.
// 2. The same packages give the same bytes.

import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { RackError } from '../errors.ts';
import type { Apt } from './apt.ts';
import { compress } from './compression.ts';
import { type CpioEntry, encodeCpio } from './cpio.ts';
import { collectPrograms, type ProgramFile } from './linked-programs.ts';
import type { FileContent } from './publication.ts';

/** Program and the package that has it. */
const PROGRAMS: readonly (readonly [program: string, name: string])[] = [
  ['zstd', 'zstd'],
  ['sfdisk', 'fdisk'],
  ['e2fsck', 'e2fsprogs'],
  ['resize2fs', 'e2fsprogs'],
];
const PACKAGES = [...new Set(PROGRAMS.map(([, name]) => name))];
const ARCHIVE = 'tools.cpio.gz';

/** Names of the packages that hold the programs and their libraries. */
export async function deployToolPackages(apt: Apt): Promise<string[]> {
  const libraries = await Promise.all(PACKAGES.map((name) => apt.librariesOf(name)));
  return [...new Set([...PACKAGES, ...libraries.flat()])];
}

/** True for a list of packages that has all the programs. */
export const hasDeployTools = (names: readonly string[]): boolean => PACKAGES.every((name) => names.includes(name));

/**
 * Makes the archive, and the entry of the initrd that names it.
 *
 * @param unpacked where the packages of `deployToolPackages` were unpacked
 * @param directory where the archive will be, relative to the boot tree
 * @throws RackError `bad-argument` naming a program or a library that none of the packages has
 */
export async function makeDeployTools(
  unpacked: string,
  directory: string,
): Promise<{ readonly archive: FileContent; readonly entry: CpioEntry }> {
  const places = await Promise.all(PROGRAMS.map(([name]) => findProgram(unpacked, name)));
  const files = await collectPrograms(unpacked, places);
  const entries = [...files]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([path, data]): CpioEntry => ({ kind: 'file', path, mode: 0o755, data }));
  const data = await compress(encodeCpio(entries));
  const sha256 = createHash('sha256').update(data).digest('hex');
  const line = Buffer.from(`${directory}/${ARCHIVE} ${sha256}\n`, 'latin1');
  const entry = { kind: 'file', path: 'lib/rackboot/tools', mode: 0o644, data: line } as const;
  return { archive: { name: ARCHIVE, data }, entry };
}

/** Where a package has a program depends on its release. */
async function findProgram(unpacked: string, name: string): Promise<ProgramFile> {
  for (const place of ['usr/bin', 'usr/sbin', 'bin', 'sbin']) {
    const path = join(unpacked, place, name);
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return { name, path };
  }
  throw new RackError('bad-argument', `The packages to deploy with have no program ${name}.`);
}
