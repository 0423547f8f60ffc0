// Reads values from bytes, which may be borrowed. Reading never throws: the reader keeps the first
// fault, and later reads return zero or empty. So decoders need no branches, and malformed
// datagrams are the cheap case.

import { type BorrowedBytes, borrowedPart, borrowedText, copyBytes, findZeroByte } from '../ground/borrowed-bytes.ts';

/** Why bytes could not be understood. */
export type WireFaultCode = 'truncated' | 'bad-length' | 'bad-value' | 'loop' | 'too-long';

/** The first fault of a decoding, with its byte offset and field. */
export interface WireFault {
  readonly code: WireFaultCode;
  readonly offset: number;
  readonly field: string;
}

/** A value, or the fault that prevented it. */
export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: WireFault };

export const decoded = <T>(value: T): Decoded<T> => ({ ok: true, value });
export const faulty = (wireFault: WireFault): Decoded<never> => ({ ok: false, fault: wireFault });
export const fault = (code: WireFaultCode, offset: number, field: string): Decoded<never> =>
  faulty({ code, offset, field });

const EMPTY = new Uint8Array(0);

/** A big-endian cursor over bytes that remembers its first fault. */
export class ByteReader {
  readonly bytes: BorrowedBytes;
  #offset: number;
  readonly #end: number;
  #fault: WireFault | undefined;

  constructor(bytes: BorrowedBytes, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#offset = start;
    this.#end = Math.min(end, bytes.length);
  }

  get offset(): number {
    return this.#offset;
  }
  get remaining(): number {
    return this.#end - this.#offset;
  }
  get fault(): WireFault | undefined {
    return this.#fault;
  }

  /** Records a fault at the current offset, or at `offset`, unless one is already recorded. */
  fail(code: WireFaultCode, field: string, offset = this.#offset): void {
    this.#fault ??= { code, offset, field };
  }

  /** Moves the cursor; a position outside the bytes is a fault. */
  seek(offset: number, field: string): void {
    if (offset < 0 || offset > this.#end) this.fail('truncated', field, offset);
    else if (this.#fault === undefined) this.#offset = offset;
  }

  skip(count: number, field: string): void {
    if (this.#hasRemaining(count, field)) this.#offset += count;
  }

  u8(field: string): number {
    if (!this.#hasRemaining(1, field)) return 0;
    return this.bytes[this.#offset++] ?? 0;
  }

  u16(field: string): number {
    if (!this.#hasRemaining(2, field)) return 0;
    const value = ((this.bytes[this.#offset] ?? 0) << 8) | (this.bytes[this.#offset + 1] ?? 0);
    this.#offset += 2;
    return value;
  }

  u32(field: string): number {
    if (!this.#hasRemaining(4, field)) return 0;
    const offset = this.#offset;
    this.#offset += 4;
    return (
      (this.bytes[offset] ?? 0) * 0x1000000 +
      (((this.bytes[offset + 1] ?? 0) << 16) | ((this.bytes[offset + 2] ?? 0) << 8) | (this.bytes[offset + 3] ?? 0))
    );
  }

  /** `count` bytes in place, as borrowed as the source. */
  borrow(count: number, field: string): BorrowedBytes {
    if (!this.#hasRemaining(count, field)) return EMPTY;
    const part = borrowedPart(this.bytes, this.#offset, this.#offset + count);
    this.#offset += count;
    return part;
  }

  /** `count` bytes as a copy, to keep. */
  copy(count: number, field: string): Uint8Array {
    if (!this.#hasRemaining(count, field)) return new Uint8Array(0);
    const copy = copyBytes(this.bytes, this.#offset, this.#offset + count);
    this.#offset += count;
    return copy;
  }

  /** `count` bytes as text, one character a byte. */
  latin1(count: number, field: string): string {
    if (!this.#hasRemaining(count, field)) return '';
    const text = borrowedText(this.bytes, 'latin1', this.#offset, this.#offset + count);
    this.#offset += count;
    return text;
  }

  /** Text up to a zero byte, which is consumed; a missing zero byte is a fault. */
  zeroTerminated(field: string): string {
    if (this.#fault !== undefined) return '';
    const zeroOffset = findZeroByte(this.bytes, this.#offset);
    if (zeroOffset === -1 || zeroOffset >= this.#end) {
      this.fail('truncated', field);
      return '';
    }
    const text = this.latin1(zeroOffset - this.#offset, field);
    this.#offset += 1;
    return text;
  }

  /** The value if no read failed, otherwise the first fault. */
  done<T>(value: T): Decoded<T> {
    return this.#fault === undefined ? { ok: true, value } : { ok: false, fault: this.#fault };
  }

  #hasRemaining(count: number, field: string): boolean {
    if (this.#fault !== undefined) return false;
    if (count < 0 || this.#offset + count > this.#end) {
      this.#fault = { code: 'truncated', offset: this.#offset, field };
      return false;
    }
    return true;
  }
}
