// Links and files of a person that stand in the way of a change in the boot tree.

import { dirname, join } from 'node:path';
import { seenEntry } from '../../files/seen-stats.ts';
import { RackError } from '../../ground/errors.ts';

/**
 * The first link on the way to a path, or the path itself; undefined: none. @param path relative to
 * the tree
 */
export function linkOnWay(tree: string, path: string): string | undefined {
  return waysTo(tree, path).find((way) => seenEntry(way)?.isSymbolicLink() === true);
}

/** The directories above a path, below the tree itself, and the path. */
function waysTo(tree: string, path: string): readonly string[] {
  const names = path.split('/');
  return names.map((_, index) => join(tree, ...names.slice(0, index + 1)));
}

/**
 * Refuses a path behind a link, where the files of somebody else are.
 * @param path relative to the tree
 * @throws RackError `store-unwritable` if the path, or a directory above it, is a link
 */
export function assertNotLinked(tree: string, path: string): void {
  const link = linkOnWay(tree, path);
  if (link === undefined) return;
  const remedy = 'put a directory with its files in its place';
  throw new RackError('store-unwritable', `${link} is a link, and nothing is changed behind it: ${remedy}`);
}

/**
 * Why a link may not be made or replaced at a path of the tree; undefined: it may. @param path
 * relative to the tree
 */
export function linkProblem(tree: string, path: string): string | undefined {
  const above = linkOnWay(tree, dirname(path));
  if (above !== undefined) return `${above} is a link, and nothing is changed behind it`;
  const file = waysTo(tree, dirname(path)).find((way) => seenEntry(way)?.isDirectory() === false);
  if (file !== undefined) return `${file} is not a directory`;
  const entry = seenEntry(join(tree, path));
  return entry === undefined || entry.isSymbolicLink() ? undefined : `${join(tree, path)} was not made by Rackboot`;
}
