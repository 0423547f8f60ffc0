// What a check found, and a bound on how long other people's code may take to find it.

import { systemClock } from '../clock.ts';

/** One line of the doctor's report. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  /** Nothing is wrong with the rack, and yet something will not work. */
  readonly isNote?: boolean | undefined;
  /** What was seen; when not ok also what to do. */
  readonly text: string;
  /** The command, or the lines of a file, that cure it; undefined: none that could be told from here. */
  readonly fix?: string | undefined;
}

/** Tells one finding. @param ok `note`: nothing is wrong, and yet something does not work */
export type Tell = (check: string, ok: boolean | 'note', text: string, fix?: string | undefined) => void;

/** Settles as `work` does, or rejects after `ms` milliseconds naming what was waited for. */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = systemClock.schedule(ms, () => reject(new Error(`${what}: no answer within ${ms / 1000} s`)));
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.cancel();
  }
}
