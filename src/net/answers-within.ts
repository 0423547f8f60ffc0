// Decides whether an answer comes in time, counting only the time in which this process runs. A
// process that was stopped finds its timers overdue and the answer not yet read, and must not blame
// the other side.

import type { Clock } from '../ground/clock.ts';

/**
 * The wait is counted in slices of this length, in milliseconds. A pause of the whole process
 * counts as one slice.
 */
const SLICE_MS = 500;

/** @returns false if `work` fails, or takes longer than `ms` of this process's own time */
export function answersWithin(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    let remainingMs = ms;
    const startTimer = () => {
      const sliceMs = Math.min(SLICE_MS, remainingMs);
      return clock.schedule(sliceMs, () => {
        remainingMs -= sliceMs;
        if (remainingMs <= 0) resolve(false);
        else timer = startTimer();
      });
    };
    let timer = startTimer();
    const settle = (hasAnswered: boolean): void => {
      timer.cancel();
      resolve(hasAnswered);
    };
    work.then(
      () => settle(true),
      () => settle(false),
    );
  });
}
