// The progress of a rack's copies of its region's images.

/** The progress of one copy. */
export interface CopyProgress {
  /** The name of the image: `ubuntu/noble/amd64`. */
  readonly file: string;
  readonly bytes: number;
  /** Undefined: unknown. */
  readonly total: number | undefined;
  /** Why it failed; empty if it did not. */
  readonly error: string;
}
