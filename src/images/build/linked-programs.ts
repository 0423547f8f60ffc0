// Collects programs of the distribution with all that they need on another system: libraries and
// the dynamic linker.
//
// Sources: ld.so(8): the linker runs a program given as its argument, with `--library-path`.
//
// 1. Everything comes from unpacked packages, nothing from this host.

import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { RackError } from '../../ground/errors.ts';
import { decodeElfNeeds } from './elf.ts';

/** Next to the programs, on every architecture. */
const LINKER = 'ld.so';

/** A program: its name in the collection, and its file. */
export interface ProgramFile {
  readonly name: string;
  readonly path: string;
}

/**
 * The files of programs, libraries and linker (`ld.so`), by name.
 *
 * @param unpacked where all their packages were unpacked
 * @throws RackError `bad-argument` naming a library that no package contains
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
    // The C library names the linker, which is running then, so no file is looked up.
    const wanted = needs.value.libraries
      .filter((library) => !library.startsWith('ld-linux'))
      .map((library) => ({ name: library, library }));
    if (interpreter !== undefined) wanted.push({ name: LINKER, library: basename(interpreter) });
    for (const { name, library } of wanted) {
      const path = libraries.get(library);
      if (path === undefined) {
        throw new RackError(
          'bad-argument',
          `${next.name} needs ${library}, which no package contains: add its package, too`,
        );
      }
      pending.push({ name, path });
    }
  }
  return files;
}

async function findLibraries(unpacked: string): Promise<Map<string, string>> {
  const libraries = new Map<string, string>();
  const root = `${await realpath(unpacked)}${sep}`;
  for (const base of ['lib', 'usr/lib'].map((directory) => join(unpacked, directory))) {
    const entries = await readdir(base, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (!/\.so(\.|$)/.test(entry.name) || entry.isDirectory() || libraries.has(entry.name)) continue;
      // An absolute link would lead to a file of the host.
      const path = await realpath(join(entry.parentPath, entry.name)).catch(() => '');
      if (path.startsWith(root)) libraries.set(entry.name, path);
    }
  }
  return libraries;
}
