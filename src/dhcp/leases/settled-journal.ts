// A journal in which callers can wait for a sequence, for records that no datagram asked for.
//
// 1. The listener is called first: the table has settled when a waiter continues.
// 2. Every waiter gets a result; at most WAITERS_MAX wait.

import type { Lease } from './lease.ts';
import type { LeaseJournal, LeaseJournalListener } from './lease-journal.ts';

export const WAITERS_MAX = 1024;

interface Waiter {
  readonly sequence: number;
  readonly answer: (isDurable: boolean) => void;
}

export class SettledJournal implements LeaseJournal {
  readonly #journal: LeaseJournal;
  #waiters: Waiter[] = [];

  constructor(journal: LeaseJournal) {
    this.#journal = journal;
  }

  get available(): boolean {
    return this.#journal.available;
  }

  get freeRecords(): number {
    return this.#journal.freeRecords;
  }

  append(lease: Lease): number {
    return this.#journal.append(lease);
  }

  listen(listener: LeaseJournalListener): void {
    this.#journal.listen({
      onDurable: (sequence) => {
        listener.onDurable(sequence);
        if (this.#waiters.length > 0) this.#answer((waiter) => waiter.sequence <= sequence, true);
      },
      onFailed: (from, to, fault) => {
        listener.onFailed(from, to, fault);
        this.#answer((waiter) => waiter.sequence >= from && waiter.sequence <= to, false);
      },
      onSlow: (fault) => listener.onSlow(fault),
      onAvailable: () => listener.onAvailable(),
      onBallast: (isFreed) => listener.onBallast?.(isFreed),
    });
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  /** Waits for a sequence just appended. @returns false if it will never be written */
  settled(sequence: number): Promise<boolean> {
    if (this.#waiters.length >= WAITERS_MAX) return Promise.resolve(false);
    return new Promise((answer) => this.#waiters.push({ sequence, answer }));
  }

  #answer(isMatching: (waiter: Waiter) => boolean, isDurable: boolean): void {
    const matching = this.#waiters.filter(isMatching);
    this.#waiters = this.#waiters.filter((waiter) => !isMatching(waiter));
    for (const { answer } of matching) answer(isDurable);
  }
}
