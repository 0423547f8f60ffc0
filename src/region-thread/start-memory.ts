// Gives back the memory that only the start of a thread needed. Sources: Node's documents of `v8.setFlagsFromString`, V8's of its `gc`
// function.
//
// 1. A start fills the young generation to its bound and leaves half-empty pages behind; V8 returns them when it collects, and a thread
//    that is idle allocates too little to be collected at all.
// 2. The thread stands still meanwhile, 0.1 to 0.3 s: this is for a thread that nobody waits for, never for the rack's.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: {
  readonly type: 'major';
  readonly execution: 'sync';
  readonly flavor: 'last-resort';
}) => void;

/** Collects all that can be collected in this thread, once, and returns the pages that are then free. */
export function returnMemory(): void {
  // On for a moment only: V8 keeps compiled code for one set of flags.
  setFlagsFromString('--expose-gc');
  const collect: Collect | undefined = runInNewContext('globalThis.gc');
  setFlagsFromString('--no-expose-gc');
  collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
