// The installers of a boot tree, by the search of the boot listener.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findImage, isPlainName } from '../boot/images.ts';

/** The hardware that an installer is for. */
interface Hardware {
  readonly architecture: string;
  readonly subarchitecture: string;
}

/** True if a boot tree has the installer of a release, for this machine or for its whole architecture. */
export function treeHasInstaller(tree: string, of: Hardware & { readonly release: string }): boolean {
  const query = { ...of, releases: [of.release], directory: 'install' } as const;
  return findImage(query, (path) => existsSync(join(tree, path))) !== undefined;
}

/** The releases whose installer a boot tree has for this hardware, sorted. */
export function listTreeInstallers(tree: string, { architecture, subarchitecture }: Hardware): readonly string[] {
  const releases = [subarchitecture, 'generic'].flatMap((level) => namesIn(tree, architecture, level));
  return [...new Set(releases)]
    .filter((release) => treeHasInstaller(tree, { architecture, subarchitecture, release }))
    .toSorted();
}

/** The names in a directory of the tree; empty if it cannot be read. */
function namesIn(tree: string, ...parts: readonly string[]): readonly string[] {
  if (!parts.every(isPlainName)) return [];
  try {
    return readdirSync(join(tree, ...parts));
  } catch {
    return [];
  }
}
