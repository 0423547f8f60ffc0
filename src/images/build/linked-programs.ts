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

/** The name of the linker in the collection, the same on every architecture. */
const LINKER = 'ld.so';

/** A program: its name in the collection, and its file. */
export interface ProgramFile {
  readonly name: string;
  readonly path: string;
}

/**
 * Collects the files of programs, libraries and linker (`ld.so`), by name.
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
  for (let program = pending.pop(); program !== undefined; program = pending.pop()) {
    if (files.has(program.name)) continue;
    const bytes = await readFile(program.path);
    files.set(program.name, bytes);
    const needs = decodeElfNeeds(bytes);
    // The dynamic linker itself is linked statically.
    if (!needs.ok) continue;
    const { interpreter } = needs.value;
    // The C library names the linker, which already runs by then, so it is not looked up as a file.
    const dependencies = needs.value.libraries
      .filter((library) => !library.startsWith('ld-linux'))
      .map((library) => ({ name: library, library }));
    if (interpreter !== undefined) dependencies.push({ name: LINKER, library: basename(interpreter) });
    for (const { name, library } of dependencies) {
      const path = libraries.get(library);
      if (path === undefined) {
        throw new RackError(
          'bad-argument',
          `${program.name} needs ${library}, which no package contains: add its package, too`,
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
