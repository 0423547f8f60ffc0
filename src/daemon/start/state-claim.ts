// The state directory is one process's: the daemon's, or that of a command that writes into it while no daemon runs.

import { type DirectoryLock, lockDirectory } from '../../net/directory-lock.ts';
import { acquireInstanceLock } from '../../net/instance-lock.ts';
import { makeStateDirectory } from '../../store/database-file.ts';

/** A state directory that is held until `release`. */
export interface StateClaim {
  release(): Promise<void>;
}

/**
 * Makes the directory, where it is not there, and takes it: by its name, which tells who has it, and by itself, which holds in every
 * network namespace.
 *
 * Rejects with RackError `already-running`, `store-unwritable`.
 */
export async function claimStateDirectory(stateDir: string): Promise<StateClaim> {
  const named = await acquireInstanceLock(stateDir);
  let held: DirectoryLock | undefined;
  try {
    makeStateDirectory(stateDir);
    held = await lockDirectory(stateDir);
  } catch (error) {
    await named.release();
    throw error;
  }
  return {
    release() {
      held?.release();
      return named.release();
    },
  };
}
