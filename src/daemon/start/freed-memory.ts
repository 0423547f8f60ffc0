// Returns the memory that only the start needed: some 30 MiB, where files and compiled code were on their way to V8. The region's thread
// returns its own (region-thread/start-memory.ts).

import type { Clock } from '../../clock.ts';

/** By then the region's thread has started and collected its garbage, in milliseconds. */
const FREED_AFTER_MS = 8000;

/** Call it when the rack answers requests. A host whose C library is not glibc, or that has no koffi, keeps the memory. */
export function returnMemoryLater(clock: Clock): void {
  clock.schedule(FREED_AFTER_MS, () => {
    // Not imported above, for such a host; elsewhere it is loaded long since.
    void import('../../net/linux/libc.ts').then(({ returnFreedMemory }) => returnFreedMemory()).catch(() => undefined);
  });
}
