// The progress of a build from packages: steps, and the parts of those that take long.

/** A part of a step: one of its packages. */
export interface StepPart {
  /** For people: `Unpacking busybox-static 1.35`. */
  readonly text: string;
  /** Which one of `total` it is, from 1. */
  readonly number: number;
  readonly total: number;
}

/** Receives the progress of a build. */
export interface BuildReports {
  /** Called at the beginning of each step, with a sentence. */
  readonly onProgress: (text: string) => void;
  /** Called at the beginning of each part of a step; default: not at all. */
  readonly onPart?: ((part: StepPart) => void) | undefined;
}
