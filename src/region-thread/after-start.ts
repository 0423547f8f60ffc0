// Tidies up after a region's start: keeps the compiled code, and returns the memory that only the start needed.

import { flushCompileCache } from 'node:module';
import { systemClock } from '../clock.ts';
import { returnMemory } from './start-memory.ts';

/** How long after the start its own work is over, in milliseconds. */
const SETTLED_AFTER_MS = 5000;
/** Call it when the region answers. */
export function settleAfterStart(): void {
  flushCompileCache();
  systemClock.schedule(SETTLED_AFTER_MS, returnMemory);
}
