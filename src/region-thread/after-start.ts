// Tidies up after a region's start: keeps the compiled code, returns the memory that only the start needed, and reads the whole store once.

import { flushCompileCache } from 'node:module';
import { systemClock } from '../clock.ts';
import { returnMemory } from './start-memory.ts';

/** How long after the start its own work is over, in milliseconds. */
const SETTLED_AFTER_MS = 5000;
/** How long after the start the whole store is read, in milliseconds: by then the garbage collection of SETTLED_AFTER_MS is over. */
const READ_AFTER_MS = 7000;

/** Call it when the region answers. @param readStore reads the store; undefined: PostgreSQL checks its own data */
export function settleAfterStart(readStore: (() => Promise<void>) | undefined): void {
  flushCompileCache();
  systemClock.schedule(SETTLED_AFTER_MS, returnMemory);
  if (readStore !== undefined) systemClock.schedule(READ_AFTER_MS, () => void readStore());
}
