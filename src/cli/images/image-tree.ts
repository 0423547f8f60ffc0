// The boot tree of an images command: named by --tree, otherwise by the configuration.
//
// 1. An existing configuration is read, and its errors are reported, even if --tree makes it unnecessary.
// 2. A tree in the state directory belongs to that directory's owner, whether --tree or the configuration names it. Any other tree
//    belongs to the command's user. A link in the state directory changes nothing: its owner could make it lead anywhere, and root must not
//    write there for them.

import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { shellWord } from '../../clean-text.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import { osErrorCode, RackError } from '../../errors.ts';
import { RACK_CONFIG } from '../../region/config.ts';
import { loadServed } from '../terminal/config-in-force.ts';
import { becomeOwnerOf } from '../terminal/state-owner.ts';

export interface ImageTree {
  readonly tree: string;
  /** The state directory if the tree lies in it; this process has become its owner. */
  readonly stateDir: string | undefined;
  /** `undefined` if there is none. */
  readonly config: RackConfig | undefined;
}

interface TreeFlags {
  readonly config: string;
  readonly tree?: string | undefined;
}

/** The option that names the same tree in another command, after a space; empty for the configured one. */
export const treeOption = ({ tree }: Pick<TreeFlags, 'tree'>): string =>
  tree === undefined ? '' : ` --tree ${shellWord(tree)}`;

/** @throws RackError `config-unreadable`, `config-invalid` */
export async function enterImageTree(flags: TreeFlags): Promise<ImageTree> {
  const config = await readImageConfig(flags);
  const tree = flags.tree ?? config?.boot.tree ?? '';
  if (config === undefined || !isInside(tree, config.stateDir)) return { tree, stateDir: undefined, config };
  becomeOwnerOf(config.stateDir);
  // The owner may not enter the directory in which this process was started.
  return { tree: resolve(tree), stateDir: config.stateDir, config };
}

/** True if a path is below a directory, however both are written, even if a link there leads elsewhere. */
export function isInside(path: string, directory: string): boolean {
  const whole = resolve(path);
  const isBelow = (one: string, other: string): boolean => one.startsWith(`${other}${sep}`);
  const real = realPath(directory);
  if (isBelow(whole, resolve(directory)) || isBelow(realPath(whole), real)) return true;
  // The way to a link may be written in another way, too.
  return isBelow(join(realPath(dirname(whole)), basename(whole)), real);
}

/** True if two paths name the same file or directory, however both are written. */
export const isSamePath = (one: string, other: string): boolean => realPath(one) === realPath(other);

/** The absolute path without links; what is missing at its end stays as it is. */
export function realPath(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(whole);
  } catch {
    return dirname(whole) === whole ? whole : join(realPath(dirname(whole)), basename(whole));
  }
}

/** With --tree, the default file may be missing or unreadable; a file that --config names must be readable. */
const UNREADABLE: ReadonlySet<string> = new Set(['ENOENT', 'EACCES']);

/**
 * The configuration; undefined if there is none and none is needed.
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
