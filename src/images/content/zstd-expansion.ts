// Expands a file of Zstandard that arrives in pieces of any length, frame by frame.
//
// Source: RFC 8878 §3 (a file consists of frames, some of which may be skippable).
//
// 1. All frames are expanded. Node's stream ends after a frame that ends inside a piece, so another
//    stream takes the rest.
// 2. A frame that is damaged, cut short or followed by other bytes is an error.

import { createZstdDecompress, constants as zlib } from 'node:zlib';
import { viewBytes } from '../../ground/borrowed-bytes.ts';
import { Conversion, PIECE_BYTES } from './conversion.ts';

/** The limit of `zstd -d` on the deployed machine, as a power of two in bytes. */
const WINDOW_LOG_MAX = 27;
const EXPANDING = { chunkSize: PIECE_BYTES, params: { [zlib.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX } };

export class ZstdExpansion {
  readonly #take: (piece: Uint8Array) => Promise<void> | void;
  #frames: Conversion;

  /** @param take as for Conversion */
  constructor(take: (piece: Uint8Array) => Promise<void> | void) {
    this.#take = take;
    this.#frames = this.#begin();
  }

  /** Rejects as Conversion does. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; ; ) {
      const converted = await this.#frames.write(rest);
      if (converted >= rest.length) return;
      await this.#frames.end();
      this.#frames = this.#begin();
      rest = viewBytes(rest, converted);
    }
  }

  /** Rejects as Conversion does. */
  async end(): Promise<void> {
    await this.#frames.end();
  }

  close(): void {
    this.#frames.close();
  }

  #begin(): Conversion {
    return new Conversion(createZstdDecompress(EXPANDING), this.#take);
  }
}
