// The files that a work needs for itself: one thread does all works on a tree, so names in memory suffice.

import { RackError } from '../../ground/errors.ts';
import type { HeldLock } from './file-lock.ts';

const held = new Set<string>();

/** True if a work needs the file. */
export const isHeld = (path: string): boolean => held.has(path);

/**
 * Holds files, each once.
 * @param title of the import, for messages @throws RackError `already-running` if another work needs one
 */
export function holdFiles(paths: readonly string[], title: string): HeldLock {
  const own = new Set(paths);
  if ([...own].some(isHeld))
    throw new RackError('already-running', `another import has a file of ${title}: wait for it, or stop it`);
  for (const path of own) held.add(path);
  return { release: () => void own.forEach((path) => void held.delete(path)) };
}
