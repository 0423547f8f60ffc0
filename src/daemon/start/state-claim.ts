// One process at a time owns the state directory: the daemon, or a command that writes into it while no daemon runs.

import { type DirectoryLock, lockDirectory } from '../../net/directory-lock.ts';
import { acquireInstanceLock } from '../../net/instance-lock.ts';
import { makeStateDirectory } from '../../store/database-file.ts';

/** Ownership of a state directory, until `release`. */
export interface StateClaim {
  release(): Promise<void>;
}

/**
 * Creates the directory if it is missing, and takes two locks: one named after the directory, whose holder can be asked for its process
 * number, and one on the directory itself, which holds in every network namespace.
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
