// One process at a time changes a boot tree. The kernel releases its lock however the process ends.

import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { ownPlace } from '../../files/own-names.ts';
import { RackError } from '../../ground/errors.ts';
import { type HeldLock, tryLock } from '../store/file-lock.ts';
import { assertOwnStore } from '../store/image-store.ts';
import { makeDirectories } from '../store/publication.ts';
import { asStoreError } from '../store/store-error.ts';

/** The locks of this process by the real path of the store, and how many works need each. */
const held = new Map<string, { readonly lock: HeldLock; works: number }>();

/**
 * Holds a tree for a work; works of this process share it.
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
  const own = held.get(key) ?? { lock: lock(tree), works: 0 };
  held.set(key, own);
  own.works += 1;
  return {
    release: () => {
      own.works -= 1;
      if (own.works > 0) return;
      held.delete(key);
      own.lock.release();
    },
  };
}

function lock(tree: string): HeldLock {
  const path = ownPlace(tree, '.lock');
  const taken = tryLock(path, 0);
  if (taken !== undefined) return taken;
  const remedy = `wait until it ends (\`fuser ${path}\` shows it), then repeat this`;
  throw new RackError('already-running', `another process is changing the images of ${tree}: ${remedy}`);
}
