// The progress of a build from packages: steps, and the parts of those that take long.

export interface StepPart {
  /** For people: `Unpacking busybox-static 1.35`. */
  readonly text: string;
  /** From 1. */
  readonly number: number;
  readonly total: number;
}

/** Receives the progress of a build. */
export interface BuildReports {
  readonly onProgress: (text: string) => void;
  readonly onPart?: ((part: StepPart) => void) | undefined;
}
