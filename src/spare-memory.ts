// Returns the memory that a thread's start or rehearsal needed. Sources: Node's documentation of `v8.setFlagsFromString`, V8's of its `gc`
// function.
//
// 1. A start fills the young generation to its bound and leaves half-empty pages. V8 returns them when it collects, but an idle thread
//    allocates too little to trigger a collection.
// 2. The collection blocks the thread: that of the region for 0.1 to 0.3 s, the rack's, whose heap is smaller, for 0.06 s.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: {
  readonly type: 'major';
  readonly execution: 'sync';
  readonly flavor: 'last-resort';
}) => void;

/** Collects this thread's garbage once and returns the freed pages to the system. */
export function returnMemory(): void {
  // Set only for a moment: V8 caches compiled code for one set of flags.
  setFlagsFromString('--expose-gc');
  const collect: Collect | undefined = runInNewContext('globalThis.gc');
  setFlagsFromString('--no-expose-gc');
  collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
