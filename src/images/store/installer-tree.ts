// Finds the installers of a boot tree as the boot listener does.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { CPUS } from '../../boot/architectures.ts';
import { findImage, isPlainName } from '../../boot/images.ts';
import { toStoredTitle } from './image-store.ts';

/** The hardware of a machine. */

interface Hardware {
  readonly architecture: string;
  readonly subarchitecture: string;
}

/** True if a tree has the installer for this machine or its whole architecture. */
export function hasTreeInstaller(tree: string, installer: Hardware & { readonly release: string }): boolean {
  const query = { ...installer, releases: [installer.release], directory: 'install' } as const;
  return findImage(query, (path) => existsSync(join(tree, path))) !== undefined;
}

interface TreeInstaller {
  readonly release: string;
  /** Undefined without a manifest. */
  readonly os: string | undefined;
  /** The release if no manifest has a title. */
  readonly title: string;
}

/** Lists the installers for this hardware, sorted by release. */
export function listTreeInstallers(
  tree: string,
  { architecture, subarchitecture }: Hardware,
): readonly TreeInstaller[] {
  const releases = [subarchitecture, 'generic'].flatMap((level) => listTreeNames(tree, architecture, level));
  return [...new Set(releases)]
    .filter((release) => hasTreeInstaller(tree, { architecture, subarchitecture, release }))
    .toSorted()
    .map((release) => {
      const levels = [subarchitecture, 'generic'].map((level) => join(tree, architecture, level, release, 'install'));
      const directory = levels.find((path) => existsSync(path)) ?? '';
      return { release, os: undefined, title: release, ...readInstallerManifest(directory) };
    });
}

/** Lists all installers for whole architectures, sorted by architecture and release. */
export const listAllInstallers = (tree: string): readonly (TreeInstaller & { readonly architecture: string })[] =>
  CPUS.flatMap((architecture) =>
    listTreeInstallers(tree, { architecture, subarchitecture: 'generic' }).map((installer) => ({
      ...installer,
      architecture,
    })),
  );

const manifestShape = z.object({
  os: z.string().refine(isPlainName),
  title: z.string().transform(toStoredTitle),
});

/** Reads system and title from the manifest of an import. Empty if there is none. */
function readInstallerManifest(directory: string): Pick<TreeInstaller, 'os' | 'title'> | Record<string, never> {
  try {
    const path = join(directory, 'manifest.json');
    return manifestShape.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data ?? {};
  } catch {
    return {};
  }
}

/** Lists the names in a directory. Empty if it cannot be read. */
function listTreeNames(tree: string, ...pathParts: readonly string[]): readonly string[] {
  if (!pathParts.every(isPlainName)) return [];
  try {
    return readdirSync(join(tree, ...pathParts));
  } catch {
    return [];
  }
}
