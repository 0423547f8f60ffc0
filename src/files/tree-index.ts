// What a boot tree holds, read in one walk: its files by relative path.
//
// 1. Hidden names are skipped, and so is a link that ends outside the tree or in a directory above itself.
// 2. The walk is bounded in depth and in entries. A directory that cannot be read is skipped: its files cannot be sent either.

import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { RackError } from '../errors.ts';

/** The most entries of a tree that are looked at. */
export const TREE_ENTRIES_MAX = 200_000;
/** The deepest directory that is looked into, in names below the root. */
export const TREE_DEPTH_MAX = 12;

interface Directory {
  /** Names below the root; empty for the root. */
  readonly names: readonly string[];
  /** The directory with every link resolved. */
  readonly real: string;
}

/**
 * Walks the tree below `root`, which has no links in it any more. @returns the relative paths of all its files
 * @throws RackError `tree-unreadable` when the root cannot be read or the tree has more than TREE_ENTRIES_MAX entries.
 */
export async function walkTree(root: string): Promise<ReadonlySet<string>> {
  const files = new Set<string>();
  const directories: Directory[] = [{ names: [], real: root }];
  let entries = 0;
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    for (const entry of await list(directory)) {
      entries += 1;
      if (entries > TREE_ENTRIES_MAX) throw tooLarge(root);
      if (entry.name.startsWith('.')) continue;
      const found = await classify(root, directory, entry);
      if (found === 'file') files.add([...directory.names, entry.name].join('/'));
      else if (found !== undefined && directory.names.length < TREE_DEPTH_MAX) directories.push(found);
    }
  }
  return files;
}

/** What an entry is: a file, a directory to look into, or nothing that counts. */
async function classify(root: string, parent: Directory, entry: Dirent): Promise<'file' | Directory | undefined> {
  if (entry.isFile()) return 'file';
  const names = [...parent.names, entry.name];
  if (entry.isDirectory()) return { names, real: parent.real + sep + entry.name };
  if (!entry.isSymbolicLink()) return undefined;
  try {
    const real = await realpath(parent.real + sep + entry.name);
    if (!real.startsWith(root + sep)) return undefined;
    const target = await stat(real);
    if (target.isFile()) return 'file';
    const loops = parent.real === real || parent.real.startsWith(real + sep);
    return target.isDirectory() && !loops ? { names, real } : undefined;
  } catch {
    // A link to nothing.
    return undefined;
  }
}

async function list(directory: Directory): Promise<readonly Dirent[]> {
  try {
    return await readdir(directory.real, { withFileTypes: true });
  } catch (cause) {
    if (directory.names.length > 0) return [];
    throw new RackError(
      'tree-unreadable',
      `boot.tree ${directory.real} cannot be listed: let the user that runs Rackboot read it`,
      {
        cause,
      },
    );
  }
}

function tooLarge(root: string): RackError {
  return new RackError(
    'tree-unreadable',
    `boot.tree ${root} holds more than ${TREE_ENTRIES_MAX} entries: name the directory that holds boot files only`,
  );
}
