// The search for a machine's BMC, as an initrd carries it: the script `environment/bmc`, and ipmi-raw of FreeIPMI with the libraries
// and the dynamic linker that it needs, so that it runs in any initrd of its architecture. The program takes and shows bytes; the
// script makes and reads them.
//
// Sources: ld.so(8): a program is run by naming it to the linker, with `--library-path`.
//
// 1. Everything comes from the distribution's packages; nothing of the host that builds.
// 2. Each file is compressed by itself: the script unpacks them in the machines that have a BMC, others save the memory.

import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { RackError } from '../errors.ts';
import type { Apt } from './apt.ts';
import { compress } from './compression.ts';
import type { CpioEntry } from './cpio.ts';
import { decodeElfNeeds } from './elf.ts';

const PACKAGE = 'freeipmi-tools';
const PROGRAM = 'ipmi-raw';
/** Where the script looks. */
const DIRECTORY = 'lib/rackboot/ipmi';
/** The script that uses it. */
const SCRIPT = new URL('./environment/bmc', import.meta.url);
/** The linker's name beside the program, whatever the architecture calls it. */
const LINKER = 'ld.so';

/** Names of the packages that hold the program and its libraries. */
export async function ipmiToolPackages(apt: Apt): Promise<string[]> {
  return [PACKAGE, ...(await apt.librariesOf(PACKAGE))];
}

/** True for a list of packages that has the program. */
export const hasIpmiTool = (names: readonly string[]): boolean => names.includes(PACKAGE);

/**
 * The entries of an archive: the script, and the program, its linker and its libraries, each compressed.
 *
 * @param unpacked where the packages of `ipmiToolPackages` were unpacked
 * @throws RackError `bad-argument` naming a library that none of the packages has
 */
export async function ipmiToolEntries(unpacked: string): Promise<CpioEntry[]> {
  const libraries = await findLibraries(unpacked);
  const files = new Map<string, Uint8Array>();
  const pending: { readonly name: string; readonly path: string }[] = [
    { name: PROGRAM, path: join(unpacked, 'usr/sbin', PROGRAM) },
  ];
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
  const packed = [...files].map(async ([name, data]): Promise<CpioEntry> => {
    return { kind: 'file', path: `${DIRECTORY}/${name}.gz`, mode: 0o644, data: await compress(data) };
  });
  const script = await readFile(SCRIPT);
  return [{ kind: 'file', path: 'lib/rackboot/bmc', mode: 0o755, data: script }, ...(await Promise.all(packed))];
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
