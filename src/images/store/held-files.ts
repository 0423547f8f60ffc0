// The files that a work needs for itself. They are names in memory, because one thread does all
// works on a tree.

import { RackError } from '../../ground/errors.ts';
import type { HeldLock } from './file-lock.ts';

const heldPaths = new Set<string>();

/** True if a work needs the file. */
export const isHeld = (path: string): boolean => heldPaths.has(path);

/**
 * Holds files for one work.
 * @param title of the import, for messages @throws RackError `already-running` if another work needs one
 */
export function holdFiles(paths: readonly string[], title: string): HeldLock {
  const requestedPaths = new Set(paths);
  if ([...requestedPaths].some(isHeld))
    throw new RackError('already-running', `another import has a file of ${title}: wait for it, or stop it`);
  for (const path of requestedPaths) heldPaths.add(path);
  return { release: () => void requestedPaths.forEach((path) => void heldPaths.delete(path)) };
}
