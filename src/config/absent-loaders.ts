// Warns about loaders in `boot.loaders` that this host's boot tree lacks. `rackboot images build`
// makes only the built-in ones. URLs, iPXE scripts and beginnings of file names are not checked:
// some firmware completes the beginning of a name.

import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { FIRMWARE_ARCHITECTURES, findArchitecture } from '../boot/architectures.ts';
import type { BootConfig } from '../boot/config.ts';
import { osErrorCode } from '../ground/errors.ts';

/** True for a loader that `rackboot images build` puts into the tree. */
export const isBuiltInLoader = (file: string): boolean =>
  FIRMWARE_ARCHITECTURES.some(({ loader }) => loader === basename(file));

/** A warning for each absent loader. Each begins with the key `boot.loaders`. */
export function findAbsentLoaders({ tree, loaders }: Pick<BootConfig, 'tree' | 'loaders'>): readonly string[] {
  return [...loaders].flatMap(([key, file]) => {
    if (!/^\d+$/.test(key) || file.includes('://') || !isAbsent(join(tree, file))) return [];
    const architecture = findArchitecture(Number(key));
    const machines =
      architecture === undefined
        ? key
        : `${key} (${architecture.firmware === 'bios' ? 'BIOS' : `UEFI ${architecture.cpu}`})`;
    const remedy = isBuiltInLoader(file)
      ? '`sudo rackboot images build` puts it there'
      : 'put it there, or name another';
    return [
      `boot.loaders gives ${file} to architecture ${machines}, but ${tree} has no such file: these machines cannot boot; ${remedy}.`,
    ];
  });
}

/**
 * True if the directory has neither this name nor a longer one that begins with it. A directory
 * that cannot be read is not judged.
 */
function isAbsent(path: string): boolean {
  try {
    return !readdirSync(dirname(path)).some((name) => name.startsWith(basename(path)));
  } catch (error) {
    return osErrorCode(error) === 'ENOENT';
  }
}
