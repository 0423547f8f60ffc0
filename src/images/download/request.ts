// A file to fetch, and the states of its download.
//
//               ┌────────────── a fault, and a source is left ─────────────────┐
//               ▼                                                                │
//            waiting ─▶ connecting ─▶ downloading ─▶ verifying ─▶ done           │
//                          └──────────────┴─────────────┴────────────────────────┴─▶ failed
//
// `verifying` also comes first, while the kept part of an earlier run is read.

import type { Instant } from '../../ground/clock.ts';
import type { AttemptFault } from './fault.ts';

type DigestAlgorithm = 'sha256' | 'sha512' | 'md5';

/** The digest of a file, as its publisher states it. */
export interface Digest {
  readonly algorithm: DigestAlgorithm;
  readonly hex: string;
}

export interface DownloadRequest {
  /** For whom it is, in errors. */
  readonly title: string;
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
  /** The configuration key of the mirror. */
  readonly mirrorKey?: string | undefined;
}

export type DownloadState =
  /** @param nextAt undefined: at once @param reason the last fault, if any: each is another object */
  | { readonly kind: 'waiting'; readonly nextAt: Instant | undefined; readonly reason: AttemptFault | undefined }
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
  | { readonly kind: 'done'; readonly bytes: number }
  /** No source is left. The part is kept for a later download. */
  | { readonly kind: 'failed'; readonly reason: AttemptFault };

/** Called at each change of a state; for new bytes at most ten times a second. */
export type OnState = (state: DownloadState, request: DownloadRequest) => void;
