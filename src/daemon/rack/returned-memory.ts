// Returns memory that work has left behind: slices of files that nobody loads any more, and what
// the C library keeps of freed memory. Sources: malloc_trim(3), mallopt(3) (M_MMAP_THRESHOLD is
// dynamic: freed slices lie scattered in the heap, which cannot shrink past them).
//
// 1. Nothing is returned while machines load: a check that finds slices read since the last check
//    waits for the next.
// 2. Trimming costs 7 to 70 ms in libuv's pool, so it needs a reason: released slices, or growth
//    since the last time, as by a thread for images that has ended, whose part of the heap the C
//    library keeps.

import { type Clock, repeat, type Timer } from '../../ground/clock.ts';
import { returnFreedMemory } from '../../net/linux/libc.ts';
import type { LiveTree } from './live-tree.ts';

/**
 * The time before the first check, in milliseconds. V8 collects what the start and the rehearsal
 * left once a thread has been idle for 8 s (its MemoryReducer).
 */
const FIRST_CHECK_MS = 14_000;
const CHECK_MS = 60_000;
const GROWN_BYTES_MIN = 8 * 1024 * 1024;

/** Checks until `close`. Call when the rack answers requests. */
export function returnMemory(tree: Pick<LiveTree, 'counters' | 'releaseSlices'>, clock: Clock): { close(): void } {
  let timer: Timer;
  let readsBefore = 0;
  /** Resident memory at the first check after the last trim; 0 if there was no check since. */
  let trimmedBytes = 0;
  const checkReads = (): void => {
    const { slicesRead, sliceHits } = tree.counters();
    const isQuiet = slicesRead + sliceHits === readsBefore;
    readsBefore = slicesRead + sliceHits;
    const residentBytes = process.memoryUsage.rss();
    if (trimmedBytes === 0) trimmedBytes = residentBytes;
    if (!isQuiet) return;
    const hasReleased = tree.releaseSlices();
    if (!hasReleased && residentBytes < trimmedBytes + GROWN_BYTES_MIN) return;
    trimmedBytes = 0;
    returnFreedMemory();
  };
  timer = clock.schedule(FIRST_CHECK_MS, () => {
    timer = repeat(clock, CHECK_MS, checkReads);
    returnFreedMemory();
  });
  return { close: () => timer.cancel() };
}
