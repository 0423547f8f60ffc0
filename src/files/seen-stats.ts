// The status of a file that may be missing or hidden, where both mean the same.

import { type BigIntStats, lstatSync, type Stats, statSync } from 'node:fs';

/**
 * The status of what a path names; `undefined` if nothing is there, or nothing that this user may
 * look at.
 */
export function statIfVisible(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** True if both are of the same file, unchanged in between. */
export const isSameState = (before: Stats, after: Stats): boolean =>
  before.dev === after.dev &&
  before.ino === after.ino &&
  before.size === after.size &&
  before.mtimeMs === after.mtimeMs &&
  before.ctimeMs === after.ctimeMs;

/** Like `statIfVisible`, but of a link itself. */
export function statLinkIfVisible(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Differs for another file, and for the same one once its content or its attributes have changed. */
export const statsIdentity = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [dev, ino, size, mtimeNs, ctimeNs].join(' ');

/** The identity of what a path names, which may be a link; `undefined` if nothing visible is there. */
export function readPathIdentity(path: string): string | undefined {
  try {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? undefined : statsIdentity(stats);
  } catch {
    return undefined;
  }
}
