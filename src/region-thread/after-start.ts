// Tidies up after a region's start: keeps the compiled code, and returns the memory that only the start needed.

import { systemClock } from '../clock.ts';
import { keepCompiledCode } from '../compiled-code.ts';
import { returnMemory } from '../spare-memory.ts';

/** How long after the start its own work is over, in milliseconds. */
const SETTLED_AFTER_MS = 5000;
/** Call it when the region answers. */
export function settleAfterStart(): void {
  keepCompiledCode();
  systemClock.schedule(SETTLED_AFTER_MS, returnMemory);
}
