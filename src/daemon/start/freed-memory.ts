// Returns to the system the memory that only the start needed: some 30 MiB, used while source files and compiled code were loaded into V8.
// The region's thread returns its own (region-thread/start-memory.ts).

import type { Clock } from '../../clock.ts';

/** The delay, in milliseconds: by then the region's thread has started and collected its garbage. */
const FREED_AFTER_MS = 8000;

/** Call when the rack answers requests. Without glibc or koffi, the process keeps the memory. */
export function returnMemoryLater(clock: Clock): void {
  clock.schedule(FREED_AFTER_MS, () => {
    // Import it here, because it fails on such a host; on all others it has long been loaded.
    void import('../../net/linux/libc.ts').then(({ returnFreedMemory }) => returnFreedMemory()).catch(() => undefined);
  });
}
