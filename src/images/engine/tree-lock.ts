// One process at a time changes a boot tree. The kernel releases its lock however the process ends.

import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { composeOwnEntryPath } from '../../files/own-names.ts';
import { RackError } from '../../ground/errors.ts';
import { type HeldLock, tryLock } from '../store/file-lock.ts';
import { assertOwnStore } from '../store/image-store.ts';
import { makeDirectories } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';

/** The locks of this process by the real path of the store, and how many works need each. */
const heldLocks = new Map<string, { readonly lock: HeldLock; works: number }>();

/**
 * Locks a tree for a work. Works of the same process share the lock.
 * @throws RackError `already-running` if another process holds it, `store-unwritable`, `tree-unreadable`
 */
export async function holdTree(tree: string): Promise<HeldLock> {
  const directory = join(tree, 'images');
  assertOwnStore(tree);
  try {
    await makeDirectories(directory);
  } catch (error) {
    throw asStoreError(error, existsSync(tree) ? directory : tree);
  }
  const key = realpathSync(directory);
  const heldLock = heldLocks.get(key) ?? { lock: acquireLock(tree), works: 0 };
  heldLocks.set(key, heldLock);
  heldLock.works += 1;
  return {
    release: () => {
      heldLock.works -= 1;
      if (heldLock.works > 0) return;
      heldLocks.delete(key);
      heldLock.lock.release();
    },
  };
}

function acquireLock(tree: string): HeldLock {
  const path = composeOwnEntryPath(tree, '.lock');
  const acquiredLock = tryLock(path, 0);
  if (acquiredLock !== undefined) return acquiredLock;
  const remedy = `wait until it ends (\`fuser ${path}\` shows it), then repeat this`;
  throw new RackError('already-running', `another process is changing the images of ${tree}: ${remedy}`);
}
