// Tidies up after a region's start: keeps the compiled code, and returns the memory that only the start needed.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../clock.ts';
import { keepCompiledCode } from '../compiled-code.ts';

// Returns the memory that only a thread's start needed. Sources: Node's documentation of `v8.setFlagsFromString`, V8's of its `gc`
// function.
//
// 1. A start fills the young generation to its bound and leaves half-empty pages. V8 returns them when it collects, but an idle thread
//    allocates too little to trigger a collection.
// 2. The collection blocks the thread for 0.1 to 0.3 s: never call it in the rack's thread.

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

/** How long after the start its own work is over, in milliseconds. */
const SETTLED_AFTER_MS = 5000;
/** Call it when the region answers. */
export function settleAfterStart(): void {
  keepCompiledCode();
  systemClock.schedule(SETTLED_AFTER_MS, returnMemory);
}
