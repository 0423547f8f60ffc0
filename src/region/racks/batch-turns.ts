// The order in which the racks' batches are stored: one batch at a time for each rack, in parts, with the racks in rotation.

import { LoopTurns } from '../shares/loop-turns.ts';

/** The batches being stored, one for each accepted rack (at most RACKS_MAX). A batch leaves when it is answered. */
export class BatchTurns {
  readonly #racks = new Set<string>();
  readonly #turns = new LoopTurns();

  enter(uuid: string): boolean {
    if (this.#racks.has(uuid)) return false;
    this.#racks.add(uuid);
    return true;
  }

  has(uuid: string): boolean {
    return this.#racks.has(uuid);
  }

  leave(uuid: string): void {
    this.#racks.delete(uuid);
  }

  get isAlone(): boolean {
    return this.#racks.size <= 1;
  }

  next(uuid: string): Promise<void> {
    return this.#turns.next(uuid);
  }
}
