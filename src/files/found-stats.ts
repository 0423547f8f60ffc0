// The status of a file of ours that may be missing. `throwIfNoEntry: false` only spares ENOENT and ENOTDIR: a link that leads to itself, a
// directory that may not be entered, and a failing disk are told with path, reason and remedy.
//
// Sources: stat(2), path_resolution(7).

import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { errorText, osErrorCode, RackError } from '../errors.ts';
import { ownershipRemedy, ownUserName } from './ownership.ts';
import { seenStats } from './seen-stats.ts';

/**
 * The status of what a path names; undefined if nothing is there.
 * @param read replaced in tests
 * @throws RackError `store-unwritable` if this user may not look there, `store-broken` for a link without an end, else `store-unavailable`
 */
export function foundStats(
  path: string,
  read: (path: string) => Stats | undefined = (one) => statSync(one, { throwIfNoEntry: false }),
): Stats | undefined {
  try {
    return read(path);
  } catch (cause) {
    throw statsFault(path, cause);
  }
}

/** The failure to find out what a path names, as the operator reads it. */
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
      const text = `${path} cannot be read (${code}): \`namei -l ${path}\` shows its directories; mend what hides it, and start again`;
      return new RackError('store-unavailable', text, { cause });
    }
  }
}

/** Where a link leads, its owner matters, not that of the link. */
function accessRemedy(path: string): string {
  const target = targetOf(path);
  if (target === undefined) return ownershipRemedy(path, dirname(path));
  const directory = dirname(target);
  const remedy =
    seenStats(directory) !== undefined
      ? ownershipRemedy(target, directory)
      : `${ownUserName()} may not go there, and \`namei -l ${target}\` shows where the way ends; it must be open to ${ownUserName()}`;
  return `it is a link to ${target}; ${remedy}`;
}

/** The end of a link, as it is written; undefined: it is none. */
function targetOf(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? resolve(dirname(path), readlinkSync(path)) : undefined;
  } catch {
    return undefined;
  }
}
