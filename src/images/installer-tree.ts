// Whether a boot tree has an installer, as the boot listener would look for it.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findImage } from '../boot/images.ts';

/** True when a boot tree has the installer of a release, for this machine or for all of its architecture. */
export function treeHasInstaller(
  tree: string,
  of: { readonly architecture: string; readonly subarchitecture: string; readonly release: string },
): boolean {
  const query = { ...of, releases: [of.release], directory: 'install' } as const;
  return findImage(query, (path) => existsSync(join(tree, path))) !== undefined;
}
