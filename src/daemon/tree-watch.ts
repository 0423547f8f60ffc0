// Keeps the index of the boot tree current: after anything in the tree changed and came to rest, it is walked again.

import { dirname } from 'node:path';
import { watch } from 'chokidar';
import type { Clock, Timer } from '../clock.ts';
import { errorText, RackError } from '../errors.ts';
import { makeDirectories } from '../files/durable-directory.ts';
import type { BootTree } from '../files/file-tree.ts';
import { isOwnershipError, ownershipRemedy } from '../files/ownership.ts';

/** Changes closer together than this are one. */
const SETTLE_MS = 250;
/** Directories below the tree that are watched: arch/subarch/release/purpose, and configuration folders. */
const WATCH_DEPTH = 6;

/** Makes the tree's directory when it is missing. @throws RackError `tree-unreadable` */
export function ensureTree(directory: string): void {
  try {
    makeDirectories(directory, 0o755);
  } catch (error) {
    throw new RackError(
      'tree-unreadable',
      `the boot tree ${directory} cannot be made: ${errorText(error)}; ${isOwnershipError(error) ? ownershipRemedy(directory, dirname(directory)) : 'make it'}, or set boot.tree`,
      { cause: error },
    );
  }
}

/** Watches the tree until `close`. A failure to watch or to walk is told to `onProblem`. */
export function watchTree(
  directory: string,
  tree: BootTree,
  clock: Clock,
  onProblem: (text: string) => void,
): { close(): Promise<void> } {
  let timer: Timer | undefined;
  const refresh = (): void => {
    tree
      .refresh()
      .catch((error: unknown) => onProblem(`the boot tree ${directory} cannot be read: ${errorText(error)}`));
  };
  const watcher = watch(directory, { ignoreInitial: true, depth: WATCH_DEPTH, followSymlinks: false });
  watcher.on('all', () => {
    timer?.cancel();
    timer = clock.schedule(SETTLE_MS, refresh);
  });
  watcher.on('error', (error) => onProblem(`the boot tree ${directory} cannot be watched: ${errorText(error)}`));
  return {
    async close() {
      timer?.cancel();
      await watcher.close();
    },
  };
}
