// The port from the lease table to disk. While the process runs, the table in memory is the truth; the journal makes it survive. A reply
// that gives a client a binding leaves only after the binding is durable.
//
// 1. Sequences grow by one per record. Durable means that everything up to the sequence is on disk, in order.
// 2. A failed write takes back every record that was not yet durable: the listener gets their sequences, and the table rolls them back. The
//    journal then refuses (`available` is false) until a whole write succeeds again.

import type { JOURNAL_FAULTS } from '../events/sentences.ts';
import type { Lease } from './lease.ts';

/** How many records may wait for the disk; beyond this `append` refuses. */
export const JOURNAL_PENDING_MAX = 65_536;

/** Why leases cannot be written. */
export interface JournalFault {
  readonly reason: keyof typeof JOURNAL_FAULTS;
  readonly database: string;
  /** How long a write lasts, or lasted. */
  readonly milliseconds?: number;
  /** The words of the database, or of the thread at its end. */
  readonly said?: string;
}

export interface LeaseJournalListener {
  /** Every record up to and including `sequence` is on disk. */
  onDurable(sequence: number): void;
  /** Records `from` to `to`, inclusive, were not written and never will be. The journal is unavailable from now on. */
  onFailed(from: number, to: number, fault: JournalFault): void;
  /** The disk takes too long; the journal is unavailable from now on. Appended records may still become durable, or fail. */
  onSlow(fault: JournalFault): void;
  /** A write succeeded again, in good time; the journal is available from now on. */
  onAvailable(): void;
  /** The disk is full, and room that was set aside was freed for leases; or that room is set aside again. */
  onBallast?(isFreed: boolean): void;
}

/** Makes leases durable. */
export interface LeaseJournal {
  /** False while the disk refuses or the queue is full: the caller replies `store-unavailable` and appends nothing. */
  readonly available: boolean;
  /** How many records it accepts now; 0 while unavailable. */
  readonly freeRecords: number;
  /** Queues the new record of an address, to be written with everything else of this turn. @returns its sequence. */
  append(lease: Lease): number;
  /** Sets the one listener. */
  listen(listener: LeaseJournalListener): void;
  /** Writes the queue, waits for the disk and ends the worker. */
  close(): Promise<void>;
}
