// A file to fetch, and the states of its download.
//
//                 ┌────────────── a fault, and a source is left ───────────────┐
//                 ▼                                                            │
//   add ─▶ waiting ─▶ connecting ─▶ downloading ─▶ verifying ─▶ done           │
//                          └──────────────┴─────────────┴──────────────────────┴─▶ failed          cancel, in any of these ─▶ cancelled
//
// `verifying` also comes first, while the kept part of an earlier run is read.

import type { Instant } from '../../clock.ts';
import type { AttemptFault } from './fault.ts';

type DigestAlgorithm = 'sha256' | 'sha512' | 'md5';

/** The digest of a file, as its publisher states it. */
export interface Digest {
  readonly algorithm: DigestAlgorithm;
  readonly hex: string;
}

export interface DownloadRequest {
  /** At least one; earlier ones are tried first, unless their servers have failed lately. */
  readonly urls: readonly string[];
  /** True if the caller holds the file: a full disk gets room from parts that nobody holds. */
  readonly isHeld?: boolean | undefined;
  /** As published; undefined: unknown. */
  readonly bytes: number | undefined;
  readonly digest: Digest;
  readonly bytesMax: number;
  /** An existing directory; no other process may download a file of this name into it. */
  readonly directory: string;
  readonly name: string;
  /** True if the disk also needs room for a copy of equal size. */
  readonly isConverted?: boolean | undefined;
}

export type DownloadState =
  /** @param nextAt undefined: at once @param reason the last fault, if any */
  | {
      readonly kind: 'waiting';
      readonly since: Instant;
      readonly nextAt: Instant | undefined;
      readonly reason: AttemptFault | undefined;
    }
  | { readonly kind: 'connecting'; readonly url: string }
  /** @param bytes on this host, from earlier attempts, too @param total undefined: unknown */
  | {
      readonly kind: 'downloading';
      readonly url: string;
      readonly bytes: number;
      readonly total: number | undefined;
      readonly bytesPerSecond: number;
    }
  | { readonly kind: 'verifying'; readonly bytes: number; readonly total: number | undefined }
  | { readonly kind: 'done'; readonly bytes: number; readonly digest: Digest }
  /** No source is left. The part is kept for a later download. */
  | { readonly kind: 'failed'; readonly reason: AttemptFault }
  | { readonly kind: 'cancelled' };

/** States that a download never leaves. */
export const isAtRest = ({ kind }: DownloadState): boolean =>
  kind === 'done' || kind === 'failed' || kind === 'cancelled';

export interface Attempt {
  readonly at: Instant;
  /** Undefined: it completed the file. */
  readonly fault: AttemptFault | undefined;
}

export interface Download {
  readonly request: DownloadRequest;
  readonly state: DownloadState;
  /** In bytes that this host has. */
  readonly growth: { readonly bytes: number };
  /** The oldest first. */
  readonly attempts: readonly Attempt[];
  /** Has no effect on a download at rest. */
  cancel(): void;
  /** Resolves when its files are closed; until then, it may write the part. */
  settled(): Promise<void>;
  /** Calls `listener` after each change; for new bytes at most ten times a second. @returns a function that ends the calls */
  watch(listener: () => void): () => void;
}
