// The transaction in which the methods of a store run, found by the asynchronous context, whatever
// the database.
//
// 1. A method that fails within a transaction dooms it, even if its caller continues: nothing of it
//    is stored.
// 2. A timer or similar that a transaction starts outlives the transaction, and is not part of it.

import { AsyncLocalStorage } from 'node:async_hooks';

export type Effect = () => void | Promise<void>;

export class OpenTransaction {
  readonly effects: Effect[] = [];
  isOver = false;
  failure: { readonly error: unknown } | undefined;
}

export class TransactionContext<T extends OpenTransaction> {
  readonly #context = new AsyncLocalStorage<T>();

  /** The transaction of the caller. */
  findTransaction(): T | undefined {
    const transaction = this.#context.getStore();
    return transaction === undefined || transaction.isOver ? undefined : transaction;
  }

  run<R>(transaction: T, work: () => R): R {
    return this.#context.run(transaction, work);
  }

  exit<R>(work: () => R): R {
    return this.#context.exit(work);
  }

  /** Makes a transaction within another a part of it. */
  async join<R>(transaction: T, work: () => Promise<R>): Promise<R> {
    try {
      return await work();
    } catch (error) {
      transaction.failure ??= { error };
      throw error;
    }
  }

  async afterCommit(effect: Effect): Promise<void> {
    const transaction = this.findTransaction();
    if (transaction === undefined) await effect();
    else transaction.effects.push(effect);
  }

  /** Runs the effects of a stored transaction, in order. */
  async end({ effects }: T): Promise<void> {
    for (const effect of effects) await this.exit(effect);
  }
}
