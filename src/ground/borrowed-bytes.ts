// Borrowed bytes, which belong to another owner, and the only ways to keep them.
//
// 1. Received bytes lie in memory that the next datagram on any socket overwrites. Their type is
//    `BorrowedBytes`: it can be read but not kept, and the compiler refuses to store it as a
//    `Uint8Array`.
// 2. `copyBytes` keeps them, as a plain `Uint8Array` in memory of its own.
// 3. No code calls `.slice` on bytes, which copies for a `Uint8Array` but not for a `Buffer`:
//    `copyBytes` always copies and `viewBytes` never does. A `borrowedView` has no `buffer` through
//    which the memory could be kept.
// 4. Borrowed bytes, and types made of them, may be read and may go where a type says that they are
//    borrowed: to a local variable, a parameter, a result. They must not go anywhere else: not to a
//    field, a variable of a file, `unknown`, `Uint8Array` or a type parameter, and not to a
//    function of the language or of a package, an async function, a generator, or a function that
//    could be called later. Only this file casts or narrows them. test/tidy.test.ts checks this for
//    every file, by the types of its expressions. It misses two cases: an object whose method takes
//    `unknown` where an interface promises borrowed bytes, unless the object is written there or
//    its class says `implements`; and a `Buffer` of a socket before the net room has typed it as
//    borrowed.
// 5. Under Node's test runner, lent bytes are overwritten as soon as the borrower returns (`reclaim`).

declare const lent: unique symbol;

/** Bytes that may be read until the callback that received them returns. Owned bytes may be lent too. */
export interface BorrowedBytes {
  readonly length: number;
  readonly [index: number]: number;
  readonly [lent]?: never;
}

/** A view as borrowed as its bytes. Big-endian unless `littleEndian`. */
export interface BorrowedView {
  readonly byteLength: number;
  getUint8(offset: number): number;
  getUint16(offset: number, littleEndian?: boolean): number;
  getUint32(offset: number, littleEndian?: boolean): number;
  getInt32(offset: number, littleEndian?: boolean): number;
  readonly [lent]?: never;
}

/** The byte that `reclaim` writes: no valid DNS name, DHCP option or address consists of it. */
export const RECLAIMED_BYTE = 0xdb;

/** Node's test runner sets this variable for its processes and their children. */
export const OVERWRITE_SWITCH = 'NODE_TEST_CONTEXT';
const IS_OVERWRITING = process.env[OVERWRITE_SWITCH] !== undefined;

export function copyBytes(bytes: BorrowedBytes, start = 0, end = bytes.length): Uint8Array {
  const copy = new Uint8Array(Math.max(0, Math.min(end, bytes.length) - start));
  copy.set(viewBytes(bytes as Uint8Array, start, start + copy.length));
  return copy;
}

export function joinBytes(parts: readonly BorrowedBytes[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** A view of the bytes from `start` to `end`, which keeps all of their memory alive. */
export function viewBytes(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  const clampedStart = Math.min(start, bytes.length);
  const clampedEnd = Math.max(clampedStart, Math.min(end, bytes.length));
  return new Uint8Array(bytes.buffer, bytes.byteOffset + clampedStart, clampedEnd - clampedStart);
}

export const borrowedPart = (bytes: BorrowedBytes, start: number, end: number): BorrowedBytes =>
  viewBytes(bytes as Uint8Array, start, end);

export function borrowedView(bytes: BorrowedBytes): BorrowedView {
  const { buffer, byteOffset, byteLength } = bytes as Uint8Array;
  return new DataView(buffer, byteOffset, byteLength);
}

/** Borrowed bytes as text: `latin1` is one character a byte. */
export function borrowedText(bytes: BorrowedBytes, encoding: 'latin1' | 'utf8', start = 0, end = bytes.length): string {
  const { buffer, byteOffset } = bytes as Uint8Array;
  return Buffer.from(buffer, byteOffset + start, end - start).toString(encoding);
}

/** The offset of the next zero byte; -1 if there is none. */
export const findZeroByte = (bytes: BorrowedBytes, start: number): number => (bytes as Uint8Array).indexOf(0, start);

/** Takes lent bytes back: under test it overwrites them. */
export function reclaim(bytes: BorrowedBytes): void {
  if (IS_OVERWRITING) (bytes as Uint8Array).fill(RECLAIMED_BYTE);
}
