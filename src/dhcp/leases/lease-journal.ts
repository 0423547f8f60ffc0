// The port from the lease table to disk. The table in memory is the truth while running; the journal makes it survive. A reply
// that tells a client of a binding leaves only after the binding is durable.
//
// 1. Sequences grow by one per record; durable means: on disk, in order, everything up to that sequence.
// 2. A failed write takes back every record that was not durable yet: the listener gets their sequences and the table rolls
//    them back. After that the journal refuses (`available` false) until a whole write succeeded again.

import type { Lease } from './lease.ts';

/** The most records that may wait for the disk; beyond it `append` refuses. */
export const JOURNAL_PENDING_MAX = 65_536;

export interface LeaseJournalListener {
  /** Every record up to and including `sequence` is on disk. */
  onDurable(sequence: number): void;
  /** Records `from` to `to`, inclusive, were not written and never will be. Not available from now on. */
  onFailed(from: number, to: number, reason: string): void;
  /** The disk takes too long: not available from now on. What was appended may still become durable, or fail. */
  onSlow(reason: string): void;
  /** A write succeeded again, in good time: available from now on. */
  onAvailable(): void;
}

/** Where leases become durable. */
export interface LeaseJournal {
  /** False while the disk refuses, or the queue is full: the caller answers `store-unavailable` and appends nothing. */
  readonly available: boolean;
  /** How many records it takes now; 0 while it is not available. */
  readonly room: number;
  /** Queues the new record of an address; written with everything else of this turn. @returns its sequence. */
  append(lease: Lease): number;
  /** Sets the one listener. */
  listen(listener: LeaseJournalListener): void;
  /** Writes what is queued, waits for the disk and ends the worker. */
  close(): Promise<void>;
}
