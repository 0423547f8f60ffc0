// The search for a machine's BMC, as an initrd carries it: the script `environment/bmc`, and ipmi-raw of FreeIPMI with the libraries
// and the dynamic linker that it needs, so that it runs in any initrd of its architecture. The program takes and shows bytes; the
// script makes and reads them.
//
// 1. Everything comes from the distribution's packages; nothing of the host that builds.
// 2. Each file is compressed by itself: the script unpacks them in the machines that have a BMC, others save the memory.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Apt } from './apt.ts';
import { compress } from './compression.ts';
import type { CpioEntry } from './cpio.ts';
import { collectPrograms } from './linked-programs.ts';

const PACKAGE = 'freeipmi-tools';
const PROGRAM = 'ipmi-raw';
/** Where the script looks. */
const DIRECTORY = 'lib/rackboot/ipmi';
/** The script that uses it. */
const SCRIPT = new URL('./environment/bmc', import.meta.url);

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
  const files = await collectPrograms(unpacked, [{ name: PROGRAM, path: join(unpacked, 'usr/sbin', PROGRAM) }]);
  const packed = [...files].map(async ([name, data]): Promise<CpioEntry> => {
    return { kind: 'file', path: `${DIRECTORY}/${name}.gz`, mode: 0o644, data: await compress(data) };
  });
  const script = await readFile(SCRIPT);
  return [{ kind: 'file', path: 'lib/rackboot/bmc', mode: 0o755, data: script }, ...(await Promise.all(packed))];
}
