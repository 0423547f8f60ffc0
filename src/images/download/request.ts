// A file to fetch, and the states of its download.
//
//               ┌────────────── a fault, and a source is left ─────────────────┐
//               ▼                                                                │
//            waiting ─▶ connecting ─▶ downloading ─▶ verifying ─▶ done           │
//                          └──────────────┴─────────────┴────────────────────────┴─▶ failed
//
// `verifying` is also the first state while the kept part of an earlier run is read.

import type { Instant } from '../../ground/clock.ts';
import type { AttemptFault } from './fault.ts';

type DigestAlgorithm = 'sha256' | 'sha512' | 'md5';

/** The digest of a file, as its publisher states it. */
export interface Digest {
  readonly algorithm: DigestAlgorithm;
  readonly hex: string;
}

export interface DownloadRequest {
  /** What the file is for, in errors. */
  readonly title: string;
  /** At least one URL. Earlier ones are tried first, unless their servers have failed lately. */
  readonly urls: readonly string[];
  /**
   * True if the caller has locked the file. If the disk is full, partial files that nobody has
   * locked may then be removed.
   */
  readonly isHeld?: boolean | undefined;
  /** The size as published. Undefined if unknown. */
  readonly bytes: number | undefined;
  readonly digest: Digest;
  readonly bytesMax: number;
  /** An existing directory. No other process may download a file of this name into it. */
  readonly directory: string;
  readonly name: string;
  /** True if the disk also needs room for a copy of equal size. */
  readonly isConverted?: boolean | undefined;
  /** The configuration key of the mirror. */
  readonly mirrorKey?: string | undefined;
}

export type DownloadState =
  /**
   * @param nextAt time of the next attempt. Undefined if it begins at once @param reason the last
   * fault, if any. Each fault is another object
   */
  | { readonly kind: 'waiting'; readonly nextAt: Instant | undefined; readonly reason: AttemptFault | undefined }
  | { readonly kind: 'connecting'; readonly url: string }
  /**
   * @param bytes on this host, including those of earlier attempts @param total size of the file.
   * Undefined if unknown
   */
  | {
      readonly kind: 'downloading';
      readonly url: string;
      readonly bytes: number;
      readonly total: number | undefined;
      readonly bytesPerSecond: number;
    }
  | { readonly kind: 'verifying'; readonly bytes: number; readonly total: number | undefined }
  | { readonly kind: 'done'; readonly bytes: number }
  /** No source is left. The part is kept for a later download. */
  | { readonly kind: 'failed'; readonly reason: AttemptFault };

/** Called at each change of the state. For new bytes, it is called at most ten times a second. */
export type OnState = (state: DownloadState, request: DownloadRequest) => void;
