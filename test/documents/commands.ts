// Which of the commands that the documents show are not run where their pages are tested, why, and what tests them instead.

interface NotRun {
  /** Matches the whole command. */
  readonly pattern: RegExp;
  readonly why: string;
  /** The test that covers it; empty: none does. */
  readonly coveredBy: string;
}

export const NOT_RUN: readonly NotRun[] = [
];

/** Why a command is not run; undefined: it is. */
export function notRun(command: string): NotRun | undefined {
  return NOT_RUN.find(({ pattern }) => pattern.test(command));
}
