// Which racks have a batch that is being stored: of each rack one, and of one rack after the other a part at a time.

import { LoopTurns } from '../loop-turns.ts';

/** The batches that are being stored: of each rack one. Racks that were accepted fill it, RACKS_MAX of them; it empties as batches are answered. */
export class BatchTurns {
  readonly #racks = new Set<string>();
  readonly #turns = new LoopTurns();

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

  /** Resolves when the next part of this rack's batch has its turn. */
  next(uuid: string): Promise<void> {
    return this.#turns.next(uuid);
  }
}
