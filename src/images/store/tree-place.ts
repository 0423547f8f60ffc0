// Finds links and files of a person that prevent a change in the boot tree.

import { dirname, join } from 'node:path';
import { statLinkIfVisible } from '../../files/seen-stats.ts';
import { RackError } from '../../ground/errors.ts';

/**
 * Finds the first component of a path that is a link: a parent directory, or the path itself.
 * Undefined if there is none. @param path relative to the tree
 */
export function findLinkInPath(tree: string, path: string): string | undefined {
  return listAncestors(tree, path).find((ancestor) => statLinkIfVisible(ancestor)?.isSymbolicLink() === true);
}

/** Lists the parent directories of a path below the tree, and the path itself. */
function listAncestors(tree: string, path: string): readonly string[] {
  const names = path.split('/');
  return names.map((_, index) => join(tree, ...names.slice(0, index + 1)));
}

/**
 * Refuses a path behind a link, where files of somebody else may be.
 * @param path relative to the tree
 * @throws RackError `store-unwritable` if the path, or a directory above it, is a link
 */
export function assertNotLinked(tree: string, path: string): void {
  const link = findLinkInPath(tree, path);
  if (link === undefined) return;
  const remedy = 'put a directory with its files in its place';
  throw new RackError('store-unwritable', `${link} is a link, and nothing is changed behind it: ${remedy}`);
}

/**
 * Finds why a link may not be made or replaced at a path of the tree. Undefined if it may. @param
 * path relative to the tree
 */
export function findLinkProblem(tree: string, path: string): string | undefined {
  const parentLink = findLinkInPath(tree, dirname(path));
  if (parentLink !== undefined) return `${parentLink} is a link, and nothing is changed behind it`;
  const file = listAncestors(tree, dirname(path)).find(
    (ancestor) => statLinkIfVisible(ancestor)?.isDirectory() === false,
  );
  if (file !== undefined) return `${file} is not a directory`;
  const entry = statLinkIfVisible(join(tree, path));
  return entry === undefined || entry.isSymbolicLink() ? undefined : `${join(tree, path)} was not made by Rackboot`;
}
