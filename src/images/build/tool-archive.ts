// Packs programs for some machines into an archive next to the environment's initrd. The initrd
// contains the path and the hash of the archive.
//
// 1. The initrd and its archives are published together; a machine accepts only the archive that
//    was built with its initrd.
// 2. The same packages give the same bytes.

import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { RackError } from '../../ground/errors.ts';
import type { FileContent } from '../store/publication.ts';
import type { Apt } from './apt.ts';
import { compress } from './compression.ts';
import { type CpioEntry, encodeCpio } from './cpio.ts';
import { collectPrograms, type ProgramFile } from './linked-programs.ts';

/** An archive, and its entry in the initrd. */
export interface ToolArchive {
  readonly archive: FileContent;
  readonly entry: CpioEntry;
}

interface ToolArchiveRequest {
  /** The directory with the unpacked packages of `listToolPackages`. */
  readonly unpacked: string;
  /** The directory of the archive, relative to the boot tree. */
  readonly directory: string;
  /** NAME of `NAME.cpio.gz`, and of `/lib/rackboot/NAME` in the initrd. */
  readonly name: string;
  readonly programs: readonly string[];
}

/** Lists the given packages, and the packages of the libraries that they need. */
export async function listToolPackages(apt: Apt, names: readonly string[]): Promise<string[]> {
  return [...new Set([...names, ...(await apt.listLibraries(...names))])];
}

/**
 * Packs programs with their libraries and their linker.
 *
 * @throws RackError `bad-argument` naming a program or library that no package contains
 */
export async function makeToolArchive({
  unpacked,
  directory,
  name,
  programs,
}: ToolArchiveRequest): Promise<ToolArchive> {
  const programFiles = await Promise.all(programs.map((program) => findProgram(unpacked, program)));
  const files = await collectPrograms(unpacked, programFiles);
  const entries = [...files]
    .sort(([onePath], [other]) => (onePath < other ? -1 : 1))
    .map(([path, data]): CpioEntry => ({ kind: 'file', path, mode: 0o755, data }));
  const data = await compress(encodeCpio(entries));
  const sha256 = createHash('sha256').update(data).digest('hex');
  const archive = { name: `${name}.cpio.gz`, data };
  const line = Buffer.from(`${directory}/${archive.name} ${sha256}\n`, 'latin1');
  return { archive, entry: { kind: 'file', path: `lib/rackboot/${name}`, mode: 0o644, data: line } };
}

/** Finds a program. Its directory in a package depends on the release. */
async function findProgram(unpacked: string, name: string): Promise<ProgramFile> {
  for (const directory of ['usr/bin', 'usr/sbin', 'bin', 'sbin']) {
    const path = join(unpacked, directory, name);
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) return { name, path };
  }
  throw new RackError('bad-argument', `no package for the environment contains the program ${name}`);
}
