// The port from the lease table to disk: the table in memory is the truth, the journal makes it
// survive. A reply with a binding leaves only after the binding is durable.
//
// 1. Sequences grow by one per record. A sequence is durable when all records up to it are on disk.
// 2. A failed write takes back every record not yet durable, and the table rolls them back. The
//    journal refuses (`available`) until a whole write succeeds.

import type { JOURNAL_FAULTS } from '../events/sentences.ts';
import type { Lease } from './lease.ts';

/** How many records may wait; beyond this `append` refuses. */
export const JOURNAL_PENDING_MAX = 65_536;

export interface JournalFault {
  readonly reason: keyof typeof JOURNAL_FAULTS;
  readonly database: string;
  /** How long a write lasts, or lasted. */
  readonly milliseconds?: number;
  /** The words of the database, or of the thread that ended. */
  readonly said?: string;
}

export interface LeaseJournalListener {
  /** Everything up to `sequence` is on disk. */
  onDurable(sequence: number): void;
  /** Records `from` to `to`, inclusive, will never be written. The journal is now unavailable. */
  onFailed(from: number, to: number, fault: JournalFault): void;
  /** The disk takes too long; the journal is now unavailable. Appended records may still become durable. */
  onSlow(fault: JournalFault): void;
  /** A write succeeded in good time; the journal is available again. */
  onAvailable(): void;
  /** The disk is full and reserved room was freed for leases, or reserved again. */
  onBallast?(isFreed: boolean): void;
}

export interface LeaseJournal {
  /** False while the disk refuses or the queue is full: reply `store-unavailable` and append nothing. */
  readonly available: boolean;
  /** 0 while unavailable. */
  readonly freeRecords: number;
  /** Queues a record, to be written with the rest of this turn. @returns its sequence. */
  append(lease: Lease): number;
  listen(listener: LeaseJournalListener): void;
  /** Writes the queue and ends the worker. */
  close(): Promise<void>;
}
