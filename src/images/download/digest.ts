// The digest of a file, as its publisher states it.

/** A hash algorithm that publishers use. */
export type DigestAlgorithm = 'sha256' | 'sha512' | 'md5';

export interface Digest {
  readonly algorithm: DigestAlgorithm;
  /** Lower case. */
  readonly hex: string;
}
