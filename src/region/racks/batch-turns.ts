// Whose turn it is to have a part of its batch stored: one rack's at a time, then everybody else's requests, then the next rack's.

import { setImmediate as nextTurn } from 'node:timers/promises';

/** The batches that are being stored: of each rack one. Racks that were accepted fill it, RACKS_MAX of them; it empties as batches are answered. */
export class BatchTurns {
  readonly #racks = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();

  /** A batch of this rack begins; false: one is being stored already. */
  enter(uuid: string): boolean {
    if (this.#racks.has(uuid)) return false;
    this.#racks.add(uuid);
    return true;
  }

  /** True while a batch of this rack is being stored. */
  has(uuid: string): boolean {
    return this.#racks.has(uuid);
  }

  leave(uuid: string): void {
    this.#racks.delete(uuid);
  }

  /** True when no more than one batch is being stored. */
  get isAlone(): boolean {
    return this.#racks.size <= 1;
  }

  /** Ends when it is the turn of whoever asks: in the order of asking, with a turn of the event loop before each. */
  next(): Promise<void> {
    const mine = this.#last.then(() => nextTurn());
    this.#last = mine;
    return mine;
  }
}
