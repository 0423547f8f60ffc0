// Programs of the distribution with all that they need to run in another system: their libraries and the dynamic linker.
//
// Sources: ld.so(8): a program is run by naming it to the linker, with `--library-path`.
//
// 1. Everything comes from unpacked packages; nothing of the host that builds.

import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { RackError } from '../errors.ts';
import { decodeElfNeeds } from './elf.ts';

/** The linker's name beside the programs, whatever the architecture calls it. */
const LINKER = 'ld.so';

/** A program: the name it gets, and the file it is. */
export interface ProgramFile {
  readonly name: string;
  readonly path: string;
}

/**
 * The files of programs, their libraries, and their dynamic linker as `ld.so`, by name.
 *
 * @param unpacked where the packages of all of them were unpacked
 * @throws RackError `bad-argument` naming a library that none of the packages has
 */
export async function collectPrograms(
  unpacked: string,
  programs: readonly ProgramFile[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const libraries = await findLibraries(unpacked);
  const files = new Map<string, Uint8Array>();
  const pending = [...programs];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (files.has(next.name)) continue;
    const bytes = await readFile(next.path);
    files.set(next.name, bytes);
    const needs = decodeElfNeeds(bytes);
    // The dynamic linker itself is linked statically.
    if (!needs.ok) continue;
    const { interpreter } = needs.value;
    // The C library names the linker among what it needs; the one that runs is found by itself.
    const wanted = needs.value.libraries
      .filter((library) => !library.startsWith('ld-linux'))
      .map((library) => ({ name: library, library }));
    if (interpreter !== undefined) wanted.push({ name: LINKER, library: basename(interpreter) });
    for (const { name, library } of wanted) {
      const path = libraries.get(library);
      if (path === undefined) {
        throw new RackError(
          'bad-argument',
          `${next.name} needs ${library}, which none of the packages has: give its package too.`,
        );
      }
      pending.push({ name, path });
    }
  }
  return files;
}

/** The shared libraries that were unpacked, by name. */
async function findLibraries(unpacked: string): Promise<Map<string, string>> {
  const libraries = new Map<string, string>();
  const root = `${await realpath(unpacked)}${sep}`;
  for (const base of ['lib', 'usr/lib'].map((directory) => join(unpacked, directory))) {
    const found = await readdir(base, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of found) {
      if (!/\.so(\.|$)/.test(entry.name) || entry.isDirectory() || libraries.has(entry.name)) continue;
      // A link to an absolute path leads to a file of the host.
      const path = await realpath(join(entry.parentPath, entry.name)).catch(() => '');
      if (path.startsWith(root)) libraries.set(entry.name, path);
    }
  }
  return libraries;
}
