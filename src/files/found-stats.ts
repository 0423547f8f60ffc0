// Reads the status of Rackboot's own files, which may be missing. `throwIfNoEntry: false` only spares ENOENT and ENOTDIR: a link that
// leads to itself, a directory that may not be entered, and a failing disk are reported with path, reason and remedy.
//
// Sources: stat(2), path_resolution(7).

import { lstatSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { errorText, osErrorCode, RackError } from '../errors.ts';
import { ownershipRemedy, ownUserName } from './ownership.ts';
import { seenStats } from './seen-stats.ts';

/**
 * The status of what a path names; undefined if nothing is there.
 * @throws RackError `store-unwritable` if this user may not look there, `store-broken` for a link without an end, else `store-unavailable`
 */
export function foundStats(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw statsFault(path, cause);
  }
}

/** The failure to find out what a path names, in words for the operator. */
export function statsFault(path: string, cause: unknown): RackError {
  const code = osErrorCode(cause) ?? errorText(cause);
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return new RackError('store-unwritable', `${path} cannot be read (${code}): ${accessRemedy(path)}`, { cause });
    case 'ELOOP': {
      const text = `${path} is a link that leads to itself (ELOOP): put the file itself, or a backup of it, in its place`;
      return new RackError('store-broken', text, { cause });
    }
    case 'EIO': {
      const text = `${path} cannot be read: its disk fails (EIO); sudo journalctl -k -p err shows how. Copy what is left to another disk`;
      return new RackError('store-unavailable', text, { cause });
    }
    default: {
      const text = `${path} cannot be read (${code}): \`namei -l ${path}\` shows its directories; fix the one that hides it, and start again`;
      return new RackError('store-unavailable', text, { cause });
    }
  }
}

/** The owner of a link's target matters, not the link's owner. */
function accessRemedy(path: string): string {
  const target = linkTarget(path);
  if (target === undefined) return ownershipRemedy(path, dirname(path));
  const directory = dirname(target);
  const remedy =
    seenStats(directory) !== undefined
      ? ownershipRemedy(target, directory)
      : `${ownUserName()} cannot enter that path: \`namei -l ${target}\` shows the directory that is closed; open it to ${ownUserName()}`;
  return `it is a link to ${target}; ${remedy}`;
}

/** The target that a link names; `undefined` if `path` is not a link, or cannot be read. */
export function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? resolve(dirname(path), readlinkSync(path)) : undefined;
  } catch {
    return undefined;
  }
}

/** The path of the file that a path names, behind all links; of a link without a file its target, else the path itself. */
export function linkedFile(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return linkTarget(path) ?? path;
  }
}
