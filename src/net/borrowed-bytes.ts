// Bytes that belong to somebody else, and the only ways to keep them.
//
// 1. What a socket received lies in memory that the next datagram on any socket overwrites. Its type is `BorrowedBytes`: bytes to be
//    read, with no method that could keep them, and not a `Uint8Array`, so the compiler refuses to store them as one.
// 2. `copyBytes` is the way to keep borrowed bytes. The copy is a plain `Uint8Array` in memory of its own.
// 3. `.slice` of a `Uint8Array` copies and `.slice` of a `Buffer` does not, though every `Buffer` passes for a `Uint8Array`. So nobody
//    calls `.slice` on bytes: `copyBytes` copies and `viewBytes` does not, whatever they are given. A view of borrowed bytes
//    (`borrowedView`) has no `buffer`, by which their memory could be kept.
// 4. Borrowed bytes, and what is typed as made of them, may be read, and may go where a type says that they are borrowed: to a local
//    variable, a parameter, a result. They go nowhere else: to no field, variable of a file, `unknown`, `Uint8Array` or type parameter,
//    to no function of the language or of a package, to none that waits (async, a generator) and to none that could be called later.
//    Nobody casts or narrows them outside this file. test/tidy.test.ts checks this for every file, by the types of its expressions.
//    It does not see two things: an object whose method takes `unknown` where an interface promises it borrowed bytes, unless the
//    object is written there or its class says `implements`; and a `Buffer` of a socket before the net room has typed it as borrowed.
// 5. Under Node's test runner, what was lent is overwritten as soon as the borrower returns (`reclaim`), so that a test sees at once
//    what was kept without a copy. In service nothing is overwritten: the next datagram does that.

declare const lent: unique symbol;

/** Bytes that may be read until the callback that was given them returns. Owned bytes may be lent, too. */
export interface BorrowedBytes {
  readonly length: number;
  readonly [index: number]: number;
  readonly [lent]?: never;
}

/** Numbers of borrowed bytes, as borrowed as they are. Big-endian unless `littleEndian`. It leads to the numbers only, not to the memory. */
export interface BorrowedView {
  readonly byteLength: number;
  getUint8(at: number): number;
  getUint16(at: number, littleEndian?: boolean): number;
  getUint32(at: number, littleEndian?: boolean): number;
  getInt32(at: number, littleEndian?: boolean): number;
  readonly [lent]?: never;
}

/** What `reclaim` writes: no valid DNS name, DHCP option or address consists of it. */
export const RECLAIMED_BYTE = 0xdb;

/** Node's test runner gives this variable to its processes, and they to those they start. */
export const OVERWRITE_SWITCH = 'NODE_TEST_CONTEXT';
const OVERWRITES = process.env[OVERWRITE_SWITCH] !== undefined;

/** A copy of the bytes from `start` to `end`, in memory of its own. */
export function copyBytes(bytes: BorrowedBytes, start = 0, end = bytes.length): Uint8Array {
  const copy = new Uint8Array(Math.max(0, Math.min(end, bytes.length) - start));
  copy.set(viewBytes(bytes as Uint8Array, start, start + copy.length));
  return copy;
}

/** The parts one behind the other, in memory of its own. */
export function joinBytes(parts: readonly BorrowedBytes[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The bytes from `start` to `end` themselves: they change when `bytes` do, and keep all of their memory alive. */
export function viewBytes(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  const from = Math.min(start, bytes.length);
  const to = Math.max(from, Math.min(end, bytes.length));
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
}

/** A part of borrowed bytes, as borrowed as the whole. */
export const borrowedPart = (bytes: BorrowedBytes, start: number, end: number): BorrowedBytes =>
  viewBytes(bytes as Uint8Array, start, end);

/** For reading numbers; as borrowed as the bytes. */
export function borrowedView(bytes: BorrowedBytes): BorrowedView {
  const { buffer, byteOffset, byteLength } = bytes as Uint8Array;
  return new DataView(buffer, byteOffset, byteLength);
}

/** Borrowed bytes as text: `latin1` is one character a byte. */
export function borrowedText(bytes: BorrowedBytes, encoding: 'latin1' | 'utf8', start = 0, end = bytes.length): string {
  const { buffer, byteOffset } = bytes as Uint8Array;
  return Buffer.from(buffer, byteOffset + start, end - start).toString(encoding);
}

/** Where `value` first occurs from `start` on, or -1. */
export const borrowedIndexOf = (bytes: BorrowedBytes, value: number, start: number): number =>
  (bytes as Uint8Array).indexOf(value, start);

/** The lender takes the bytes back: under test they are overwritten. */
export function reclaim(bytes: BorrowedBytes): void {
  if (OVERWRITES) (bytes as Uint8Array).fill(RECLAIMED_BYTE);
}
