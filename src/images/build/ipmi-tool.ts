// Makes the initrd entries that search for a BMC: the script `environment/bmc`, and FreeIPMI's
// ipmi-raw with libraries and linker, which runs in any initrd of its architecture. The program
// sends and prints bytes; the script encodes and decodes them.
//
// 1. Everything comes from the distribution's packages, nothing from the building host.
// 2. Each file is compressed separately: only machines with a BMC unpack them.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Apt } from './apt.ts';
import { compress } from './compression.ts';
import type { CpioEntry } from './cpio.ts';
import { collectPrograms } from './linked-programs.ts';

const PACKAGE = 'freeipmi-tools';
const PROGRAM = 'ipmi-raw';
const DIRECTORY = 'lib/rackboot/ipmi';
const SCRIPT = new URL('./environment/bmc', import.meta.url);

export async function listIpmiToolPackages(apt: Apt): Promise<string[]> {
  return [PACKAGE, ...(await apt.listLibraries(PACKAGE))];
}

export const hasIpmiTool = (names: readonly string[]): boolean => names.includes(PACKAGE);

/**
 * Builds the entries for the script, the program, its linker and its libraries. All but the script
 * are compressed.
 *
 * @param unpacked where the packages of `listIpmiToolPackages` were unpacked
 * @throws RackError `bad-argument` naming a library that no package contains
 */
export async function buildIpmiToolEntries(unpacked: string): Promise<CpioEntry[]> {
  const files = await collectPrograms(unpacked, [{ name: PROGRAM, path: join(unpacked, 'usr/sbin', PROGRAM) }]);
  const packedFiles = [...files].map(async ([name, data]): Promise<CpioEntry> => {
    return { kind: 'file', path: `${DIRECTORY}/${name}.gz`, mode: 0o644, data: await compress(data) };
  });
  const script = await readFile(SCRIPT);
  return [{ kind: 'file', path: 'lib/rackboot/bmc', mode: 0o755, data: script }, ...(await Promise.all(packedFiles))];
}
