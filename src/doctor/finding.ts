// The result of a check, and a time limit for other projects' client code.

import { systemClock, withTimeout } from '../ground/clock.ts';

/** One line of the doctor's report. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  /** True if the rack has no fault, but something will not work. */
  readonly isNote?: boolean | undefined;
  /** The observation and, for a fault, the remedy. */
  readonly text: string;
  /** The command or file lines that fix the fault; undefined if no fix is known here. */
  readonly fix?: string | undefined;
  /**
   * What fails, as a path (`causes.ts`); undefined if the finding is neither the cause nor an
   * effect of another one.
   */
  readonly cause?: string | undefined;
}

/** Reports one finding. @param ok `note` if there is no fault, but something does not work */
export type ReportFinding = (
  check: string,
  ok: boolean | 'note',
  text: string,
  fix?: string | undefined,
  cause?: string | undefined,
) => void;

/**
 * Settles as the promise `answer` does, or rejects after `ms` milliseconds with an error that names
 * `what`.
 */
export const answerWithin = <T>(ms: number, what: string, answer: Promise<T>): Promise<T> =>
  withTimeout(systemClock, ms, answer, (): never => {
    throw new Error(`${what}: no answer within ${ms / 1000} s`);
  });
