// The result of a check, and a time limit for other projects' client code.

import { systemClock, within } from '../ground/clock.ts';

/** One line of the doctor's report. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  /** The rack has no fault, but something will not work. */
  readonly isNote?: boolean | undefined;
  /** The observation and, for a fault, the remedy. */
  readonly text: string;
  /** The command or file lines that fix it; undefined: none is known here. */
  readonly fix?: string | undefined;
  /**
   * What fails, as a path (`causes.ts`); undefined: nothing else fails because of it, nor it
   * because of something else.
   */
  readonly cause?: string | undefined;
}

/** Reports one finding. @param ok `note`: no fault, but something does not work */
export type Tell = (
  check: string,
  ok: boolean | 'note',
  text: string,
  fix?: string | undefined,
  cause?: string | undefined,
) => void;

/** Settles as `work` does, or rejects after `ms` milliseconds with an error that names `what`. */
export const answerWithin = <T>(ms: number, what: string, work: Promise<T>): Promise<T> =>
  within(systemClock, ms, work, (): never => {
    throw new Error(`${what}: no answer within ${ms / 1000} s`);
  });
