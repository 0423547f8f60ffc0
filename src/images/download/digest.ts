// The digest of a file, as its publisher states it.

/** A hash whose value a publisher states. */
export type DigestAlgorithm = 'sha256' | 'sha512' | 'md5';

export interface Digest {
  readonly algorithm: DigestAlgorithm;
  /** Lower case. */
  readonly hex: string;
}
