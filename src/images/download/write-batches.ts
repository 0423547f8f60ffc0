// Collects bytes in memory for large writes.
//
// 1. The memory of a written batch is used again, so it does not grow with the file.

import { viewBytes } from '../../net/borrowed-bytes.ts';

/** The bytes of a full batch. */
export const BATCH_BYTES = 256 * 1024;

/** Bytes that wait for the disk. */
export class WriteBatches {
  readonly #spare: Uint8Array[] = [];
  #full: Uint8Array[] = [];
  #last: Uint8Array | undefined;
  #lastBytes = 0;

  /** How many bytes wait. */
  get bytes(): number {
    return this.#full.length * BATCH_BYTES + this.#lastBytes;
  }

  /** Appends a copy of the bytes. */
  append(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0; ) {
      this.#last ??= this.#spare.pop() ?? Buffer.allocUnsafeSlow(BATCH_BYTES);
      const piece = viewBytes(rest, 0, BATCH_BYTES - this.#lastBytes);
      this.#last.set(piece, this.#lastBytes);
      this.#lastBytes += piece.length;
      rest = viewBytes(rest, piece.length);
      if (this.#lastBytes < BATCH_BYTES) continue;
      this.#full.push(this.#last);
      this.#last = undefined;
      this.#lastBytes = 0;
    }
  }

  /** Takes all bytes, in order. Call `giveBack` when they are written. */
  take(): readonly Uint8Array[] {
    const taken = this.#full;
    if (this.#last !== undefined) taken.push(viewBytes(this.#last, 0, this.#lastBytes));
    this.#full = [];
    this.#last = undefined;
    this.#lastBytes = 0;
    return taken;
  }

  giveBack(written: readonly Uint8Array[]): void {
    for (const { buffer } of written) this.#spare.push(new Uint8Array(buffer));
  }
}
