// Expands or compresses bytes of any length, of which only a few pieces are in memory at a time.
//
//   write ─▶ stream of zlib ─▶ PIECE_BYTES at a time ─▶ take
//
// 1. `write` resolves when everything that its bytes expand to has been taken, and the next piece is made only after `take` is done with
//    the last one: a KiB of Zstandard can stand for GiB of zeroes, and takes no more memory than any other.
// 2. A piece is the taker's only until `take` is done: its memory is given back then.
// 3. An error of the stream and one of `take` end it alike: `write` or `end` rejects with it.

import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Made at a time. Each piece is a job of a thread, so that Node's own measure of 16 KiB takes several times as long for empty space. */
export const PIECE_BYTES = 128 * 1024;

/** A conversion under way. */
export class Conversion {
  readonly #stream: Transform;
  readonly #done: Promise<void>;

  /** @param stream of zlib, made with `chunkSize: PIECE_BYTES` */
  constructor(stream: Transform, take: (piece: Uint8Array) => Promise<void> | void) {
    this.#stream = stream;
    this.#done = pipeline(stream, async (pieces: AsyncIterable<Uint8Array>) => {
      for await (const piece of pieces) {
        await take(piece);
        release(piece);
      }
    });
    // `write` and `end` look at it; between two of them nobody waits for it.
    this.#done.catch(() => undefined);
  }

  /** Rejects with an error of zlib when the bytes cannot be converted, or with that of `take`. */
  async write(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.#stream.off('close', go);
        resolve();
      };
      // A stream that fails forgets who waits for its present write.
      this.#stream.once('close', go);
      this.#stream.write(bytes, go);
    });
    if (this.#stream.destroyed) await this.#done;
  }

  /** Converts what is left. Rejects as `write` does, and when the bytes were cut short. */
  async end(): Promise<void> {
    this.#stream.end();
    await this.#done;
  }

  close(): void {
    this.#stream.destroy();
  }
}

/** Gives back the memory of a piece that has its own: left to the collector, hundreds of MiB lie about before it looks. */
function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
