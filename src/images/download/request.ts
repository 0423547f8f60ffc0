// A file to fetch, the states of its download, and the commands for it.
//
//                 ┌────────────── a fault, and a source is left ───────────────┐
//                 ▼                                                            │
//   add ─▶ waiting ─▶ connecting ─▶ downloading ─▶ verifying ─▶ done           │
//             ▲            └──────────────┴─────────────┴──────────────────────┤
//             │ resume                                                         └─▶ failed
//          paused ◀─ pause, in any of these          cancel, remove ─▶ cancelled
//
// `verifying` also comes first, while the kept part of an earlier run is read. Every arrow is a method of `FileDownload` (download.ts).

import type { Instant } from '../../clock.ts';
import type { Digest } from './digest.ts';
import type { AttemptFault } from './fault.ts';

/** A file to fetch. */
export interface DownloadRequest {
  /** http and https URLs of the same file, at least one. Among equally healthy servers, earlier URLs are tried first. */
  readonly urls: readonly string[];
  /** True if the further URLs are those of other sites: however healthy these are, the first is tried before them unless it has failed lately. */
  readonly isFirstOwn?: boolean | undefined;
  /** True if the caller holds the lock of this file in `directory`, as all others do there: a full disk gets room from unlocked parts. */
  readonly hasLock?: boolean | undefined;
  /** The size as published; undefined: unknown. */
  readonly bytes: number | undefined;
  /** The published digest; undefined: only the size is checked. */
  readonly digest: Digest | undefined;
  /** The largest accepted file, in bytes. */
  readonly bytesMax: number;
  /** An existing directory; no other process may download a file of this name into it. */
  readonly directory: string;
  /** The name of the finished file in it. */
  readonly name: string;
  /** True if a converted copy is written to the same disk while the file arrives. Then space for a copy of equal size is reserved, too. */
  readonly isConverted?: boolean | undefined;
}

/** The state of a download. */
export type DownloadState =
  /** @param nextAt when the next attempt begins; undefined: when a place becomes free. @param reason the last fault, if any */
  | {
      readonly kind: 'waiting';
      readonly since: Instant;
      readonly nextAt: Instant | undefined;
      readonly reason: AttemptFault | undefined;
    }
  | { readonly kind: 'connecting'; readonly url: string }
  /** @param bytes how many this host has, including earlier attempts @param total undefined: unknown */
  | {
      readonly kind: 'downloading';
      readonly url: string;
      readonly bytes: number;
      readonly total: number | undefined;
      readonly bytesPerSecond: number;
    }
  /** The kept part, or the whole file, is hashed. */
  | { readonly kind: 'verifying'; readonly bytes: number; readonly total: number | undefined }
  /** The file exists under its name. @param digest SHA-256 unless another was expected */
  | { readonly kind: 'done'; readonly bytes: number; readonly digest: Digest }
  /** No source is left. The part is kept, and `resume` tries all sources again. */
  | { readonly kind: 'failed'; readonly reason: AttemptFault }
  | { readonly kind: 'paused' }
  | { readonly kind: 'cancelled' };

/** States that only a command leaves. */
export const isAtRest = ({ kind }: DownloadState): boolean =>
  kind === 'done' || kind === 'failed' || kind === 'paused' || kind === 'cancelled';

/** One attempt that is over. */
export interface Attempt {
  /** Without user name and password. */
  readonly url: string;
  readonly at: Instant;
  readonly ms: number;
  /** New bytes of the file. */
  readonly bytes: number;
  /** Undefined: it completed the file. */
  readonly fault: AttemptFault | undefined;
}

/** How much of a file can be read already. */
export interface Growth {
  /** Increases when the file starts over from its first byte: bytes read before belong to another file. */
  readonly generation: number;
  /** Bytes that are in the file. */
  readonly bytes: number;
  /** Undefined: not known yet. */
  readonly total: number | undefined;
}

/** A download, here or in another thread. */
export interface Download {
  readonly request: DownloadRequest;
  readonly state: DownloadState;
  readonly growth: Growth;
  /** The last attempts, the oldest first. */
  readonly attempts: readonly Attempt[];
  /** Stops the download for now, and keeps the part. Has no effect on a file that is done. */
  pause(): void;
  /** Continues after a pause or a failure. */
  resume(): void;
  /** Stops the download for good, but keeps the part for a later download of the same file. */
  cancel(): void;
  /** Cancels it and removes its files: the part, or the finished file. @throws RackError `store-unwritable` */
  remove(): Promise<void>;
  /** Resolves when the work that was stopped last has closed its files. Until then, it may still write the part. */
  settled(): Promise<void>;
  /** Calls `listener` after each change; for new bytes at most ten times a second. @returns a function that ends the calls */
  watch(listener: () => void): () => void;
}
