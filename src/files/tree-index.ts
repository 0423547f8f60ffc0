// The index of a boot tree, read in one walk. Sources: stat(2) (device and inode name a directory),
// readdir(3).
//
//   walkTree ── each real directory once ──▶ Directory ═ names ═▶ Directory …      TreeIndex.hasFile follows the names of a path
//
// 1. Skipped are hidden names, which no loader, kernel or initrd has, and links that lead out of the
//    tree or to what Rackboot keeps in it for itself (`own-names.ts`).
// 2. A real directory is read once, and a path passes through it at most once: a loop costs nothing.
// 3. The walk is bounded in depth and in entries. An unreadable directory is skipped.
// 4. Any client may ask for names that differ in upper and lower case only. The answer comes from
//    memory: a name costs a look-up in at most ALIKE_MAX directories, whose names are folded once.

import type { Dirent } from 'node:fs';
import { opendir, realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { osErrorCode, RackError } from '../ground/errors.ts';
import { isOwnPath } from './own-names.ts';

/**
 * The most entries read. Only users who may write into the tree can fill it. A larger tree has no
 * index, which the boot server reports, and is read again until it is small enough.
 */
export const TREE_ENTRIES_MAX = 200_000;
/** In names below the root. */
export const TREE_DEPTH_MAX = 12;
/** The most matches of a path whose case is ignored: files, and directories at each depth. */
export const ALIKE_MAX = 8;
/** Entries per system call: more would keep the event loop busy for milliseconds. */
const ENTRIES_AT_A_TIME = 256;

interface Directory {
  /** Its path with every link resolved. */
  readonly realPath: string;
  readonly depth: number;
  readonly files: Set<string>;
  readonly directories: Map<string, Directory>;
}

/** The names of a directory by their folded form. */
type Spellings = ReadonlyMap<string, readonly string[]>;

export class TreeIndex {
  readonly #root: Directory | undefined;
  readonly #spellings = new WeakMap<Directory, Spellings>();
  readonly entries: number;
  /** The depth of the lowest directory read, below the root; links can make it exceed TREE_DEPTH_MAX. */
  readonly depth: number;

  /** @param root `undefined` before the first walk */
  constructor(root?: Directory, entries = 0, depth = 0) {
    this.#root = root;
    this.entries = entries;
    this.depth = depth;
  }

  /** True if the index has this file, or with `/` at its end this directory. */
  hasFile(path: string): boolean {
    return this.findRealPath(path) !== undefined;
  }

  /** A file's path without links to directories; `undefined` if this path leads to no file. */
  findRealPath(path: string): string | undefined {
    const root = this.#root;
    if (root === undefined) return undefined;
    const names = path.split('/');
    if (names.length > TREE_DEPTH_MAX + 1) return undefined;
    let directory = root;
    const chain = [directory];
    for (let depth = 0; depth < names.length - 1; depth += 1) {
      const child = directory.directories.get(names[depth] ?? '');
      if (child === undefined || chain.includes(child)) return undefined;
      directory = child;
      chain.push(directory);
    }
    const name = names.at(-1) ?? '';
    if (name === '') return directory.realPath.slice(root.realPath.length + 1);
    return directory.files.has(name) ? `${directory.realPath}${sep}${name}`.slice(root.realPath.length + 1) : undefined;
  }

  /**
   * The files whose paths are this one, or differ from it in upper and lower case only; at most
   * ALIKE_MAX.
   */
  findIgnoringCase(path: string): readonly string[] {
    const names = path.split('/');
    if (this.#root === undefined || names.length > TREE_DEPTH_MAX + 1) return [];
    let candidates: readonly Candidate[] = [{ directory: this.#root, path: '' }];
    for (const name of names.slice(0, -1)) {
      const nextCandidates = candidates.flatMap(({ directory, path: parentPath }) =>
        this.#findSpellings(directory, name).flatMap((spelling): readonly (readonly [Directory, Candidate])[] => {
          const child = directory.directories.get(spelling);
          return child === undefined ? [] : [[child, { directory: child, path: `${parentPath}${spelling}/` }]];
        }),
      );
      // A directory that is also reached by a link counts once.
      candidates = [...new Map(nextCandidates.toReversed()).values()].toReversed().slice(0, ALIKE_MAX);
    }
    return candidates
      .flatMap(({ directory, path: parentPath }) =>
        this.#findSpellings(directory, names.at(-1) ?? '').flatMap((spelling) =>
          directory.files.has(spelling) ? [parentPath + spelling] : [],
        ),
      )
      .slice(0, ALIKE_MAX);
  }

  #findSpellings(directory: Directory, name: string): readonly string[] {
    let spellings = this.#spellings.get(directory);
    if (spellings === undefined) {
      spellings = Map.groupBy([...directory.files, ...directory.directories.keys()], fold);
      this.#spellings.set(directory, spellings);
    }
    return spellings.get(fold(name)) ?? [];
  }
}

interface Candidate {
  readonly directory: Directory;
  /** With a slash at its end; empty: the root. */
  readonly path: string;
}

const fold = (name: string): string => name.toLowerCase();

/**
 * `root` has all links resolved.
 * @throws RackError `tree-unreadable` when the root cannot be read or the tree has more than
 * TREE_ENTRIES_MAX entries.
 */
export async function walkTree(root: string): Promise<TreeIndex> {
  const directories = new Map<string, Directory>();
  const rootDirectory = await addDirectory(directories, root, 0).catch((cause: unknown) => {
    throw unreadableTreeError(root, cause);
  });
  let entries = 0;
  let depth = 0;
  // By depth, so that each directory has its shortest path; newly found ones are appended.
  for (const directory of directories.values()) {
    const entriesBefore = entries;
    depth = Math.max(depth, directory.realPath.slice(root.length).split(sep).length - 1);
    for await (const entry of readDirectoryEntries(directory)) {
      entries += 1;
      if (entries > TREE_ENTRIES_MAX) throw tooLargeTreeError(root, directory, entries - entriesBefore);
      if (!entry.name.startsWith('.')) await addEntry(root, directories, directory, entry);
    }
  }
  return new TreeIndex(rootDirectory, entries, depth);
}

/** A file, or a directory to read later. */
async function addEntry(
  root: string,
  directories: Map<string, Directory>,
  parent: Directory,
  entry: Dirent,
): Promise<void> {
  const { name } = entry;
  if (entry.isFile()) parent.files.add(name);
  const isLink = entry.isSymbolicLink();
  if (!isLink && !entry.isDirectory()) return;
  try {
    const path = parent.realPath + sep + name;
    const real = isLink ? await realpath(path) : path;
    if (!real.startsWith(root + sep) || isOwnPath(real.slice(root.length + 1).split(sep))) return;
    if (isLink && (await stat(real)).isFile()) parent.files.add(name);
    else if (parent.depth < TREE_DEPTH_MAX)
      parent.directories.set(name, await addDirectory(directories, real, parent.depth + 1));
  } catch {
    // A dangling link, or an entry removed since it was listed.
  }
}

/**
 * Adds a directory, or returns the known one. Throws the system's error, or an Error if it is not a
 * directory.
 */
async function addDirectory(directories: Map<string, Directory>, real: string, depth: number): Promise<Directory> {
  const stats = await stat(real, { bigint: true });
  if (!stats.isDirectory()) throw new Error(`${real} is not a directory`);
  const key = `${stats.dev}:${stats.ino}`;
  const directory = directories.get(key) ?? { realPath: real, depth, files: new Set(), directories: new Map() };
  directories.set(key, directory);
  return directory;
}

/** One by one, so that a directory of millions never fills the memory. */
async function* readDirectoryEntries({ realPath, depth }: Directory): AsyncGenerator<Dirent> {
  try {
    for await (const entry of await opendir(realPath, { bufferSize: ENTRIES_AT_A_TIME })) yield entry;
  } catch (cause) {
    if (depth === 0) throw unreadableTreeError(realPath, cause);
  }
}

function unreadableTreeError(root: string, cause: unknown): RackError {
  const code = osErrorCode(cause) ?? 'unknown';
  const text = `boot.tree ${root} cannot be listed (${code}): let the user that runs Rackboot read it`;
  return new RackError('tree-unreadable', text, { cause });
}

function tooLargeTreeError(root: string, { realPath }: Directory, entries: number): RackError {
  return new RackError(
    'tree-unreadable',
    `boot.tree ${root} holds more than ${TREE_ENTRIES_MAX} files, directories and links (${entries} or more of them in ${realPath}): ` +
      'move out what no machine loads, or let boot.tree name the directory that holds boot files only',
  );
}
