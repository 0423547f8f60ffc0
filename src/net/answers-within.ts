// Decides whether an answer comes in time, counting only the time in which this process runs. A
// process that was stopped finds its timers overdue and the answer not yet read, and must not blame
// the other side.

import type { Clock } from '../ground/clock.ts';

/**
 * The wait is counted in pieces of this length, in milliseconds. A pause of the whole process
 * counts as one of them.
 */
const PIECE_MS = 500;

/** @returns false if `work` fails, or takes longer than `ms` of this process's own time */
export function answersWithin(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    let leftMs = ms;
    const wait = () => {
      const pieceMs = Math.min(PIECE_MS, leftMs);
      return clock.schedule(pieceMs, () => {
        leftMs -= pieceMs;
        if (leftMs <= 0) resolve(false);
        else timer = wait();
      });
    };
    let timer = wait();
    const end = (isWell: boolean): void => {
      timer.cancel();
      resolve(isWell);
    };
    work.then(
      () => end(true),
      () => end(false),
    );
  });
}
