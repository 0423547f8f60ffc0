// The boot tree of an images command: named by --tree, otherwise by the configuration.
//
// 1. An existing configuration is read, and its errors are reported, even with --tree.
// 2. Root acts as the owner of the tree. For a tree in the state directory, root acts as the owner
//    of that directory, however the tree is named, and even if a link there leads elsewhere: the
//    owner could make the link lead anywhere, and root must not write there.

import { lstatSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { RackConfig } from '../../config/rack-config.ts';
import {
  composeOwnershipRemedy,
  composeReaderRemedy,
  findOwnUserName,
  isOwnershipError,
} from '../../files/ownership.ts';
import { makeTemporaryDirectory } from '../../files/temporary-directory.ts';
import { shellWord } from '../../ground/clean-text.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { formatBytes } from '../../ground/quantity.ts';
import type { Publication } from '../../images/build/environment.ts';
import { workDirectory } from '../../images/engine/protocol.ts';
import { RACK_CONFIG } from '../../region/config.ts';
import { makeStateDirectory } from '../../store/database-file.ts';
import { loadServed } from '../terminal/config-in-force.ts';
import { becomeOwner } from '../terminal/state-owner.ts';

export interface ImageTree {
  readonly tree: string;
  /**
   * The state directory if the tree is in it; undefined otherwise. This process has switched to its
   * owner.
   */
  readonly stateDir: string | undefined;
  readonly config: RackConfig | undefined;
}

interface TreeFlags {
  readonly config: string;
  readonly tree?: string | undefined;
}

/**
 * The option, after a space, that names this tree in another command; empty for the configured
 * tree.
 */
export const treeOption = ({ tree }: Pick<TreeFlags, 'tree'>): string =>
  tree === undefined ? '' : ` --tree ${shellWord(tree)}`;

/** @throws RackError `config-unreadable`, `config-invalid` */
export async function openTreeAsOwner(flags: TreeFlags): Promise<ImageTree> {
  const config = await readImageConfig(flags);
  // Make the path absolute: the owner may be unable to enter the current directory, and the
  // daemon's is another one.
  const tree = resolve(flags.tree ?? config?.boot.tree ?? '');
  const ownerDirectory = chooseOwnerDirectory(tree, config?.stateDir);
  becomeOwner(ownerDirectory);
  return { tree, stateDir: ownerDirectory === config?.stateDir ? ownerDirectory : undefined, config };
}

/** Chooses the directory whose owner acts in a tree. */
export const chooseOwnerDirectory = (tree: string, stateDir: string | undefined): string =>
  stateDir !== undefined && isInside(tree, stateDir) ? stateDir : tree;

/** True if a path is below a directory, however both are written, even if a link there leads elsewhere. */
export function isInside(path: string, directory: string): boolean {
  const absolutePath = resolve(path);
  const isBelow = (path: string, other: string): boolean => path.startsWith(`${other}${sep}`);
  const real = realPath(directory);
  if (isBelow(absolutePath, resolve(directory)) || isBelow(realPath(absolutePath), real)) return true;
  // The directories before a link may be written differently.
  return isBelow(join(realPath(dirname(absolutePath)), basename(absolutePath)), real);
}

/** True if two paths name the same file, however both are written. */
export const isSamePath = (path: string, other: string): boolean => realPath(path) === realPath(other);

/** The absolute path without links. Components that do not exist are kept. */
export function realPath(path: string): string {
  const absolutePath = resolve(path);
  try {
    return realpathSync(absolutePath);
  } catch {
    return dirname(absolutePath) === absolutePath
      ? absolutePath
      : join(realPath(dirname(absolutePath)), basename(absolutePath));
  }
}

/**
 * The errors after which --tree alone counts: the default configuration may then be missing or
 * unreadable.
 */
const UNREADABLE: ReadonlySet<string> = new Set(['ENOENT', 'EACCES']);

/**
 * Reads the configuration; undefined if there is none, and none is needed.
 * @throws RackError `config-unreadable`, `config-invalid`
 */
export async function readImageConfig({ config, tree }: TreeFlags): Promise<RackConfig | undefined> {
  try {
    return (await loadServed(config)).config;
  } catch (error) {
    const isUnneeded = tree !== undefined && config === RACK_CONFIG;
    const isUnreadable = error instanceof RackError && UNREADABLE.has(osErrorCode(error.cause) ?? '');
    if (isUnneeded && isUnreadable) return undefined;
    throw error;
  }
}

interface WorkDirectory {
  readonly path: string;
  /** Removes the directory, unless the next build reuses it. */
  close(): void;
}

/**
 * Opens `images-work` in the state directory or, without one, a new directory with an unpredictable
 * name.
 * @throws RackError `store-unwritable` if other users could change its contents
 */
export function openWorkDirectory(stateDir: string | undefined): WorkDirectory {
  if (stateDir === undefined) {
    const path = makeTemporaryDirectory('rackboot-images-');
    return { path, close: () => rmSync(path, { recursive: true, force: true }) };
  }
  makeStateDirectory(stateDir);
  const path = workDirectory(stateDir);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (cause) {
    if (osErrorCode(cause) !== 'EEXIST') {
      const remedy = composeOwnershipRemedy(path, stateDir);
      throw new RackError('store-unwritable', `${path} cannot be created (${osErrorCode(cause)}): ${remedy}`, {
        cause,
      });
    }
  }
  const stats = lstatSync(path);
  const isPrivate = stats.uid === (process.getuid?.() ?? stats.uid) && (stats.mode & 0o022) === 0;
  if (stats.isDirectory() && isPrivate) return { path, close: () => undefined };
  const remedy = `remove it (rm -r ${path}) and run this again`;
  throw new RackError('store-unwritable', `other users can change the contents of ${path}: ${remedy}`);
}

/** Turns an error into `permission-denied` with the remedy if this user may not read the tree. */
export function toReaderError(tree: string, error: unknown): unknown {
  if (!(error instanceof RackError && error.code === 'tree-unreadable' && isOwnershipError(error.cause))) return error;
  const text = `${findOwnUserName()} may not read the images of ${tree}: ${composeReaderRemedy(tree)}`;
  return new RackError('permission-denied', text, { cause: error });
}

/** Formats a line for each published file. */
export const publishedLines = ({ directory, files }: Pick<Publication, 'directory' | 'files'>): readonly string[] =>
  files.map(
    ({ name, bytes, sha256 }) => `${join(directory, name)}  ${formatBytes(bytes)}  sha256 ${sha256.slice(0, 16)}…`,
  );
