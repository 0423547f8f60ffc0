// A result carried out of a transaction that is rolled back.

import type { RegionStore } from './store.ts';

/**
 * Like the store's `transact`. But if `work` throws what `undo` makes of a result, nothing is
 * stored, and the result is returned.
 */
export async function transactOrUndo<T>(
  store: Pick<RegionStore, 'transact'>,
  work: (undo: (result: T) => Error) => Promise<T>,
): Promise<T> {
  class Undone extends Error {
    readonly result: T;

    constructor(result: T) {
      super('the transaction is undone');
      this.result = result;
    }
  }
  try {
    return await store.transact(() => work((result) => new Undone(result)));
  } catch (error) {
    if (error instanceof Undone) return error.result;
    throw error;
  }
}
