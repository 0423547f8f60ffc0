// Makes the initrd entries that find out how a machine can be switched: the script `environment/bmc`
// with FreeIPMI's ipmi-raw, and `environment/wake` with ethtool; and their libraries and linker, so
// that they run in any initrd of their architecture. ipmi-raw sends and prints bytes; its script
// encodes and decodes them.
//
// 1. Everything comes from the distribution's packages, nothing from the building host.
// 2. Each file is compressed separately: a machine unpacks only those that it runs.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Apt } from './apt.ts';
import { compress } from './compression.ts';
import type { CpioEntry } from './cpio.ts';
import { collectPrograms } from './linked-programs.ts';

/** Programs with their packages, and the scripts that run them. Without its package, a program is left out. */
const POWER_TOOLS = [
  { program: 'ipmi-raw', package: 'freeipmi-tools', script: 'bmc' },
  { program: 'ethtool', package: 'ethtool', script: 'wake' },
] as const;

const DIRECTORY = 'lib/rackboot/power';

export async function listPowerToolPackages(apt: Apt): Promise<string[]> {
  const packages = await Promise.all(
    POWER_TOOLS.map(async ({ package: name }) => [name, ...(await apt.listLibraries(name))]),
  );
  return [...new Set(packages.flat())];
}

/** The tools whose packages are missing, for people; empty: none. @param names of the packages */
export const missingPowerTools = (names: readonly string[]): readonly string[] =>
  POWER_TOOLS.filter((tool) => !names.includes(tool.package)).map((tool) => tool.package);

export const hasPowerTool = (names: readonly string[]): boolean => missingPowerTools(names).length < POWER_TOOLS.length;

/**
 * Builds the entries for the scripts, their programs, the linker and the libraries. All but the
 * scripts are compressed.
 *
 * @param unpacked where the packages of `listPowerToolPackages` were unpacked
 * @throws RackError `bad-argument` naming a library that no package contains
 */
export async function buildPowerToolEntries(unpacked: string): Promise<CpioEntry[]> {
  const tools = POWER_TOOLS.flatMap(({ program, script }) => {
    const path = ['usr/sbin', 'sbin'].map((place) => join(unpacked, place, program)).find(existsSync);
    return path === undefined ? [] : [{ name: program, path, script }];
  });
  const files = await collectPrograms(unpacked, tools);
  const packedFiles = [...files].map(async ([name, data]): Promise<CpioEntry> => {
    return { kind: 'file', path: `${DIRECTORY}/${name}.gz`, mode: 0o644, data: await compress(data) };
  });
  const scripts = tools.map(async ({ script }): Promise<CpioEntry> => {
    const data = await readFile(new URL(`./environment/${script}`, import.meta.url));
    return { kind: 'file', path: `lib/rackboot/${script}`, mode: 0o755, data };
  });
  return [...(await Promise.all(scripts)), ...(await Promise.all(packedFiles))];
}
