// Whether a boot tree has an installer, by the search of the boot listener.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findImage } from '../boot/images.ts';

/** True if a boot tree has the installer of a release, for this machine or for its whole architecture. */
export function treeHasInstaller(
  tree: string,
  of: { readonly architecture: string; readonly subarchitecture: string; readonly release: string },
): boolean {
  const query = { ...of, releases: [of.release], directory: 'install' } as const;
  return findImage(query, (path) => existsSync(join(tree, path))) !== undefined;
}
