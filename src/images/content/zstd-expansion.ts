// Expands a file of Zstandard that arrives in pieces of any length, frame by frame.
//
// Source: RFC 8878 §3 (a file consists of frames, some of which may be skippable).
//
// 1. All frames are expanded. Node's stream ends after a frame that ends inside a piece, so another
//    stream expands the rest of that piece.
// 2. A frame that is damaged, cut short or followed by other bytes is an error.

import { createZstdDecompress, constants as zlib } from 'node:zlib';
import { viewBytes } from '../../ground/borrowed-bytes.ts';
import { Conversion, PIECE_BYTES } from './conversion.ts';

/** The largest window that `zstd -d` on the deployed machine accepts, as a power of two in bytes. */
const WINDOW_LOG_MAX = 27;
const ZSTD_OPTIONS = { chunkSize: PIECE_BYTES, params: { [zlib.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX } };

export class ZstdExpansion {
  readonly #consume: (piece: Uint8Array) => Promise<void> | void;
  #frames: Conversion;

  /** @param consume as for Conversion */
  constructor(consume: (piece: Uint8Array) => Promise<void> | void) {
    this.#consume = consume;
    this.#frames = this.#beginFrame();
  }

  /** Rejects as Conversion does. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let remaining = bytes; ; ) {
      const converted = await this.#frames.write(remaining);
      if (converted >= remaining.length) return;
      await this.#frames.end();
      this.#frames = this.#beginFrame();
      remaining = viewBytes(remaining, converted);
    }
  }

  /** Rejects as Conversion does. */
  async end(): Promise<void> {
    await this.#frames.end();
  }

  close(): void {
    this.#frames.close();
  }

  #beginFrame(): Conversion {
    return new Conversion(createZstdDecompress(ZSTD_OPTIONS), this.#consume);
  }
}
