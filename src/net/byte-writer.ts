// Writes values into a fixed capacity. A value that does not fit sets `overflow` and is not
// written; the caller decides what follows (truncate a DNS answer, move DHCP options to another
// field). So writing never throws either.

import type { BorrowedBytes } from '../ground/borrowed-bytes.ts';

/** Up to this many bytes are written one by one. */
const LOOPED_BYTES_MAX = 16;

/** A big-endian cursor that writes into its own buffer. */
export class ByteWriter {
  readonly #bytes: Uint8Array;
  #offset = 0;
  #overflow = false;

  /** @param space the capacity in bytes, or a zeroed buffer, which the writer then owns. */
  constructor(space: number | Uint8Array) {
    this.#bytes = typeof space === 'number' ? new Uint8Array(space) : space;
  }

  get offset(): number {
    return this.#offset;
  }
  /** True if a value did not fit. */
  get overflow(): boolean {
    return this.#overflow;
  }

  /** Goes back to an earlier offset and discards what was written since, and any overflow. */
  rewind(offset: number): void {
    this.#bytes.fill(0, offset, this.#offset);
    this.#offset = offset;
    this.#overflow = false;
  }

  u8(value: number): void {
    if (!this.#fits(1)) return;
    this.#bytes[this.#offset++] = value;
  }

  u16(value: number): void {
    if (!this.#fits(2)) return;
    this.#bytes[this.#offset++] = value >>> 8;
    this.#bytes[this.#offset++] = value;
  }

  u32(value: number): void {
    if (!this.#fits(4)) return;
    this.#bytes[this.#offset++] = value >>> 24;
    this.#bytes[this.#offset++] = value >>> 16;
    this.#bytes[this.#offset++] = value >>> 8;
    this.#bytes[this.#offset++] = value;
  }

  write(bytes: BorrowedBytes): void {
    if (!this.#fits(bytes.length)) return;
    // A `set` call costs more than writing the few bytes of most fields.
    if (bytes.length > LOOPED_BYTES_MAX) this.#bytes.set(bytes, this.#offset);
    else for (let index = 0; index < bytes.length; index += 1) this.#bytes[this.#offset + index] = bytes[index] ?? 0;
    this.#offset += bytes.length;
  }

  zeros(count: number): void {
    if (!this.#fits(count)) return;
    this.#offset += count;
  }

  /** One byte a character; a character above U+00FF is our bug. */
  latin1(text: string): void {
    this.write(Buffer.from(text, 'latin1'));
  }

  /** Overwrites two bytes written earlier. */
  patchU16(offset: number, value: number): void {
    this.#bytes[offset] = value >>> 8;
    this.#bytes[offset + 1] = value;
  }

  /** A view of the written bytes; the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#offset);
  }

  #fits(count: number): boolean {
    if (!this.#overflow && this.#offset + count <= this.#bytes.length) return true;
    this.#overflow = true;
    return false;
  }
}
