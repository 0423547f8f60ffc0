// Expands or compresses any number of bytes, with only a few pieces in memory at a time.
//
//   write ─▶ stream of zlib ─▶ PIECE_BYTES at a time ─▶ consume
//
// 1. `write` resolves when `consume` has received all output of its bytes, one piece after the other.
//    So Zstandard that expands a KiB to GiBs of zeroes needs no more memory.
// 2. `consume` may use a piece only until it finishes; then its memory is released.
// 3. An error of the stream or of `consume` ends the conversion: `write` or `end` rejects with it.

import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Zlib } from 'node:zlib';

/**
 * The size of a piece. Each piece is a job for a thread. With Node's default of 16 KiB, empty space
 * takes several times as long.
 */
export const PIECE_BYTES = 128 * 1024;

export class Conversion {
  readonly #stream: Transform & Zlib;
  readonly #done: Promise<void>;

  /** @param stream of zlib, made with `chunkSize: PIECE_BYTES` */
  constructor(stream: Transform & Zlib, consume: (piece: Uint8Array) => Promise<void> | void) {
    this.#stream = stream;
    this.#done = pipeline(stream, async (pieces: AsyncIterable<Uint8Array>) => {
      for await (const piece of pieces) {
        await consume(piece);
        releaseMemory(piece);
      }
    });
    // `write` and `end` await it; until then, a rejection must not count as unhandled.
    this.#done.catch(() => undefined);
  }

  /**
   * Rejects with zlib's error if the bytes cannot be converted, or with the error of `consume`.
   * @returns the converted bytes; fewer than given if the compressed data ended earlier
   */
  async write(bytes: Uint8Array): Promise<number> {
    const before = this.#stream.bytesWritten;
    await new Promise<void>((resolve) => {
      const resume = (): void => {
        this.#stream.off('close', resume);
        resolve();
      };
      // A stream that fails never calls back for its pending write.
      this.#stream.once('close', resume);
      this.#stream.write(bytes, resume);
    });
    if (this.#stream.destroyed) await this.#done;
    return this.#stream.bytesWritten - before;
  }

  /** Converts the rest. Rejects as `write` does, and if the input was cut short. */
  async end(): Promise<void> {
    this.#stream.end();
    await this.#done;
  }

  close(): void {
    this.#stream.destroy();
  }
}

/** The garbage collector would let hundreds of MiB pile up before it releases pieces. */
export function releaseMemory({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
