// The port to a database of the region's store, which runs operations (`steps.ts`) in transactions.
//
// 1. A driver may run an operation, and the work of `transact`, more than once. Only the last run counts.

import type { Steps } from '../steps.ts';

export interface RegionDriver {
  /**
   * Runs an operation. Its writes are on disk when the promise is fulfilled, and undone if it is
   * rejected.
   */
  write<T>(operation: () => Steps<T>): Promise<T>;
  /** Runs an operation that only reads. */
  read<T>(operation: () => Steps<T>): Promise<T>;
  /** As the store's (`region/records/store.ts`). */
  transact<T>(work: () => Promise<T>): Promise<T>;
  /** As the store's. */
  afterCommit(effect: () => void | Promise<void>): Promise<void>;
  /** As the store's. */
  isInTransaction(): boolean;
  close(): Promise<void>;
}
