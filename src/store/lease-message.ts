// What the rack loop and the journal worker say to each other.
//
//   rack loop ── write ─────────▶ worker      one batch outstanding; the next is sent when the answer has come
//             ◀─ durable | failed ──
//             ── probe ─────────▶             after `failed`, on a timer, until `writable`
//             ◀─ writable | failed ─
//             ── ping ──────────▶             now and then, when nothing else is owed
//             ◀─ pong ───────────
//             ── close ─────────▶             the worker closes its file and ends

import type { RackErrorCode } from '../errors.ts';

/** What a worker is started with. */
export interface LeaseWorkerData {
  readonly path: string;
  /** Set for a worker that takes over: the last sequence reported durable; what lies above was never acknowledged. */
  readonly discardAbove: number | undefined;
  /** What the worker has its disk do (`disk-work.ts`). */
  readonly work: SharedArrayBuffer;
}

export type ToLeaseWorker =
  /** `sequence` is that of its last record; the memory of the bytes changes hands. */
  | { readonly kind: 'write'; readonly sequence: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'probe'; readonly sizeBytes: number }
  /** Answered by `pong`: the worker is alive and its disk does not hold it. */
  | { readonly kind: 'ping' }
  | { readonly kind: 'close' };

export type FromLeaseWorker =
  /** A piece of what is in force, encoded; several come before `opened`. */
  | { readonly kind: 'leases'; readonly bytes: Uint8Array }
  | { readonly kind: 'opened'; readonly lastSequence: number }
  /** The file cannot be used; the worker ends. */
  | { readonly kind: 'refused'; readonly code: RackErrorCode; readonly message: string }
  /** The memory of its bytes comes back, for another batch. */
  | { readonly kind: 'durable'; readonly sequence: number; readonly memory: ArrayBuffer }
  | { readonly kind: 'failed'; readonly reason: string }
  /** A probe was written, which took so long. */
  | { readonly kind: 'writable'; readonly tookMs: number }
  | { readonly kind: 'pong' }
  /** Bringing the blocks by address up to date failed; nothing is lost, it is tried again. */
  | { readonly kind: 'fold-failed'; readonly reason: string };
