// Watches the boot tree, and reports when something in it has changed and settled.
//
// 1. Symbolic links in the tree are watched but not followed: a target lies in the tree too, or
//    does not exist for machines.

import { watch } from 'chokidar';
import { TREE_DEPTH_MAX } from '../../files/tree-index.ts';
import type { Clock, Instant, Timer } from '../../ground/clock.ts';
import { errorText } from '../../ground/errors.ts';

/** Changes closer together than this, in milliseconds, count as one. */
const SETTLE_MS = 250;
/**
 * Continuous changes are reported this often, in milliseconds, so that a tree that is being filled
 * does not go unnoticed.
 */
const SETTLE_MS_MAX = 2000;
/**
 * The most changes taken before they settle; only a host that can write to the tree reaches it. The
 * watch then ends: examining each file would make all other reads wait.
 */
const CHANGES_MAX = 5000;
/** The callbacks of a watch. */
interface WatchEvents {
  /** Something changed, or may have changed before the watch began. */
  readonly onChange: () => void;
  readonly onFlood: () => void;
  readonly onFailed: (reason: string) => void;
}

/** A watch that ends with `close`. */
export interface TreeWatch {
  close(): void;
}

/**
 * Starts watching a tree, down to TREE_DEPTH_MAX directories below its root.
 * @param directory a path without symbolic links: of a link, only the link itself would be watched
 */
export function watchTree(directory: string, clock: Clock, { onChange, onFlood, onFailed }: WatchEvents): TreeWatch {
  let timer: Timer | undefined;
  let firstAt: Instant | undefined;
  let changes = 0;
  let isClosed = false;
  const handleChange = (): void => {
    if (isClosed) return;
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
    isClosed = true;
    timer?.cancel();
    // It closes in the background; no event is reported any more.
    void watcher.close();
  };
  watcher.on('all', handleChange);
  // Changes before the watch was complete were not reported.
  watcher.on('ready', handleChange);
  watcher.on('error', (error) => {
    if (isClosed) return;
    close();
    onFailed(errorText(error));
  });
  return { close };
}
