// The boot tree of an images command: named by --tree, otherwise by the configuration.
//
// 1. An existing configuration is read, and its errors are reported, even with --tree.
// 2. Root acts in a tree as its owner: in the state directory as that one's, however the tree is
//    named. A link there changes nothing: its owner could make it lead anywhere, and root must not
//    write there.

import { lstatSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { RackConfig } from '../../config/rack-config.ts';
import { isOwnershipError, ownershipRemedy, ownUserName, readerRemedy } from '../../files/ownership.ts';
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
  /** The directory if the tree lies in it; this process has become its owner. */
  readonly stateDir: string | undefined;
  readonly config: RackConfig | undefined;
}

interface TreeFlags {
  readonly config: string;
  readonly tree?: string | undefined;
}

/** The option that names this tree in another command, after a space; empty for the configured one. */
export const treeOption = ({ tree }: Pick<TreeFlags, 'tree'>): string =>
  tree === undefined ? '' : ` --tree ${shellWord(tree)}`;

/** @throws RackError `config-unreadable`, `config-invalid` */
export async function openTreeAsOwner(flags: TreeFlags): Promise<ImageTree> {
  const config = await readImageConfig(flags);
  // The owner may be unable to enter the current directory, and the daemon has another.
  const tree = resolve(flags.tree ?? config?.boot.tree ?? '');
  const place = ownerPlace(tree, config?.stateDir);
  becomeOwner(place);
  return { tree, stateDir: place === config?.stateDir ? place : undefined, config };
}

/** The directory whose owner acts in a tree. */
export const ownerPlace = (tree: string, stateDir: string | undefined): string =>
  stateDir !== undefined && isInside(tree, stateDir) ? stateDir : tree;

/** True if a path is below a directory, however both are written, even if a link there leads elsewhere. */
export function isInside(path: string, directory: string): boolean {
  const whole = resolve(path);
  const isBelow = (path: string, other: string): boolean => path.startsWith(`${other}${sep}`);
  const real = realPath(directory);
  if (isBelow(whole, resolve(directory)) || isBelow(realPath(whole), real)) return true;
  // The way to a link may be written differently.
  return isBelow(join(realPath(dirname(whole)), basename(whole)), real);
}

/** True if two paths name the same file, however both are written. */
export const isSamePath = (path: string, other: string): boolean => realPath(path) === realPath(other);

/** The absolute path without links; a missing end stays. */
export function realPath(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(whole);
  } catch {
    return dirname(whole) === whole ? whole : join(realPath(dirname(whole)), basename(whole));
  }
}

/**
 * The errors after which --tree alone counts: the default configuration may then be missing or
 * unreadable.
 */
const UNREADABLE: ReadonlySet<string> = new Set(['ENOENT', 'EACCES']);

/**
 * The configuration; undefined: there is none, and none is needed.
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
  /** Removes it, unless the next build reuses it. */
  close(): void;
}

/**
 * `images-work` in the state directory, or without one a new directory with an unpredictable name.
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
      const remedy = ownershipRemedy(path, stateDir);
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
export function forReader(tree: string, error: unknown): unknown {
  if (!(error instanceof RackError && error.code === 'tree-unreadable' && isOwnershipError(error.cause))) return error;
  const text = `${ownUserName()} may not read the images of ${tree}: ${readerRemedy(tree)}`;
  return new RackError('permission-denied', text, { cause: error });
}

/** A line for each of its files. */
export const publishedLines = ({ directory, files }: Pick<Publication, 'directory' | 'files'>): readonly string[] =>
  files.map(
    ({ name, bytes, sha256 }) => `${join(directory, name)}  ${formatBytes(bytes)}  sha256 ${sha256.slice(0, 16)}…`,
  );
