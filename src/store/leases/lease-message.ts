// The messages between the rack loop and the journal worker.
//
//   rack loop ── write ─────────▶ worker      one batch outstanding; the next is sent after the answer
//             ◀─ durable | failed ──
//             ── probe ─────────▶             after `failed`, on a timer, until `writable`
//             ◀─ writable | failed ─
//             ── ping ──────────▶             now and then, when no answer is outstanding
//             ◀─ pong ───────────
//             ── close ─────────▶             the worker closes its file and ends

import type { RackErrorCode } from '../../ground/errors.ts';
import type { LeaseDamage } from './damaged-row.ts';

export interface LeaseWorkerData {
  readonly path: string;
  /** For the successor of a dead worker: the last sequence reported durable. */
  readonly discardAbove: number | undefined;
  /** Shows the worker's database call (`DiskWork`). */
  readonly work: SharedArrayBuffer;
}

export type ToLeaseWorker =
  /** The sequence of the last record; the memory of `bytes` is transferred. */
  | { readonly kind: 'write'; readonly sequence: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'probe'; readonly sizeBytes: number }
  /** Answered by `pong`: the worker is alive, and its disk does not block it. */
  | { readonly kind: 'ping' }
  | { readonly kind: 'close' };

export type FromLeaseWorker =
  /** Some of the leases, encoded; any number of these precede `opened`. */
  | { readonly kind: 'leases'; readonly bytes: Uint8Array }
  | { readonly kind: 'opened'; readonly lastSequence: number }
  /** Found at the start, before `opened`, or later. */
  | { readonly kind: 'damaged'; readonly damage: LeaseDamage }
  /** The file cannot be used; the worker ends. */
  | { readonly kind: 'refused'; readonly code: RackErrorCode; readonly message: string }
  /** Returns the memory of the batch. */
  | { readonly kind: 'durable'; readonly sequence: number; readonly memory: ArrayBuffer }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'writable'; readonly tookMs: number }
  | { readonly kind: 'pong' }
  /** The disk is full, and the ballast was freed for the leases; or it is there again. */
  | { readonly kind: 'ballast'; readonly isFreed: boolean }
  /** Nothing is lost, and it is tried again. */
  | { readonly kind: 'fold-failed'; readonly reason: string };
