// Watches the boot tree: says when something in it changed and came to rest.
//
// 1. Links in the tree are watched, not followed: what one of them leads to lies in the tree too, or does not exist for machines.

import { watch } from 'chokidar';
import type { Clock, Instant, Timer } from '../../clock.ts';
import { errorText } from '../../errors.ts';
import { TREE_DEPTH_MAX } from '../../files/tree-index.ts';

/** Changes closer together than this are one. */
const SETTLE_MS = 250;
/** While changes go on and on, they are told this often all the same: what fills the tree must not do so unseen. */
export const SETTLE_MS_MAX = 2000;
/**
 * Changes that are taken in before they come to rest. Only whoever writes into the tree can fill it. The watch then ends at once: it would go
 * on to look at each file by itself, for which everybody else's reads from the disk would wait.
 */
export const CHANGES_MAX = 5000;
/** What a watch tells its owner. */
export interface WatchEvents {
  /** Something changed, or may have changed before the watch began. */
  readonly onChange: () => void;
  /** There were more than CHANGES_MAX; the watch has ended. */
  readonly onFlood: () => void;
  /** The system allows no such watch, which has ended. */
  readonly onFailed: (reason: string) => void;
}

/** A watch that ends with `close`. */
export interface TreeWatch {
  close(): void;
}

/**
 * Watches a tree from now on, down to TREE_DEPTH_MAX directories below its root.
 * @param directory without a link in it: of a link only the link itself would be watched
 */
export function watchTree(directory: string, clock: Clock, { onChange, onFlood, onFailed }: WatchEvents): TreeWatch {
  let timer: Timer | undefined;
  let firstAt: Instant | undefined;
  let changes = 0;
  let closed = false;
  const changed = (): void => {
    if (closed) return;
    changes += 1;
    if (changes > CHANGES_MAX) {
      close();
      onFlood();
      return;
    }
    const now = clock.now();
    firstAt ??= now;
    timer?.cancel();
    timer = clock.schedule(Math.min(SETTLE_MS, Math.max(0, firstAt + SETTLE_MS_MAX - now)), () => {
      firstAt = undefined;
      changes = 0;
      onChange();
    });
  };
  const watcher = watch(directory, { ignoreInitial: true, depth: TREE_DEPTH_MAX, followSymlinks: false });
  const close = (): void => {
    closed = true;
    timer?.cancel();
    // It ends by itself; nothing is told any more.
    void watcher.close();
  };
  watcher.on('all', changed);
  // What came before the watch was complete was not told.
  watcher.on('ready', changed);
  watcher.on('error', (error) => {
    if (closed) return;
    close();
    onFailed(errorText(error));
  });
  return { close };
}
