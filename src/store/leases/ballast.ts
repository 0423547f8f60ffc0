// The ballast of the lease journal: a file that takes some room, so that a disk filled by others
// can still be given some. The worker frees it when a write finds the disk full, and makes it
// again.
//
//   kept ──freeIfFull──▶ freed ──keep: BALLAST_FACTOR times its size is free──▶ kept
//
// 1. Its bytes are random: compression would set no room aside.

import { rmSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { replaceFile } from '../../files/new-file.ts';
import { systemClock } from '../../ground/clock.ts';

export const BALLAST_FILE = 'leases.ballast';
/** In bytes: room for some 50 000 leases. */
export const BALLAST_BYTES = 8 * 1024 * 1024;
/** The file is made only where so many times its size is free. */
const BALLAST_FACTOR = 4;
/** Less room means a full disk: SQLite needs some pages for its log. */
const FULL_BYTES = 512 * 1024;

const PIECE_BYTES = 64 * 1024;

/** Frees each piece once it is written: the thread is idle afterwards, and an idle V8 collects no garbage. */
function* createRandomPieces(): Generator<Uint8Array> {
  for (let bytes = 0; bytes < BALLAST_BYTES; bytes += PIECE_BYTES) {
    const piece = systemClock.randomBytes(PIECE_BYTES);
    yield piece;
    piece.buffer.transfer(0);
  }
}

export class Ballast {
  readonly #path: string;
  #isMaking = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** @returns true if removing the file freed room */
  freeIfFull(): boolean {
    if (!this.#exists() || this.#freeBytes() > FULL_BYTES) return false;
    rmSync(this.#path, { force: true });
    return true;
  }

  /**
   * Makes the file if it is missing and there is ample room.
   * @returns true if made now; rejects with the system's error
   */
  async keep(): Promise<boolean> {
    if (this.#isMaking || this.#exists() || this.#freeBytes() < BALLAST_FACTOR * BALLAST_BYTES) return false;
    this.#isMaking = true;
    try {
      await replaceFile(this.#path, `${this.#path}.part`, createRandomPieces);
      return true;
    } finally {
      this.#isMaking = false;
    }
  }

  #exists(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.isFile() === true;
  }

  #freeBytes(): number {
    const { bavail, bsize } = statfsSync(dirname(this.#path));
    return bavail * bsize;
  }
}
