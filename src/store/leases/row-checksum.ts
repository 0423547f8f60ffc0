// The checksum of a row of `leases.db`, and the undoing of a single flipped bit. SQLite checks the structure of its
// pages, not the values in them: a bit that flips could change or end a lease that was acknowledged.
//
// 1. The checksum is CRC-32 over the row's records, seeded with the row's key: records under another key do not pass
//    either.
// 2. CRC-32 is linear: the difference between the stored and the computed checksum depends on the flipped bits alone.
//    Within 2^32 bits every single flipped bit makes a difference of its own; in rows of up to 11 KB, two are never taken
//    for one.
//
// Sources: ITU-T V.42 §8.1.1.6.2 (the polynomial); Koopman, "32-Bit Cyclic Redundancy Codes for Internet Applications",
// DSN 2002.

import { crc32 } from 'node:zlib';

/** Least significant bit first. */
const POLYNOMIAL = 0xedb8_8320;
const BYTE_BITS = 8;

/** 32 bits. @param key of the row, up to 2^48 */
export const checksumOf = (key: number, records: Uint8Array): number => crc32(records, key % 0x1_0000_0000);

interface MendedRow {
  readonly records: Uint8Array;
  /** The offset of the byte with the flipped bit; undefined if the bit was in the checksum. */
  readonly at: number | undefined;
}

/** @returns undefined if more than one bit is wrong */
export function undoFlippedBit(key: number, records: Uint8Array<ArrayBuffer>, checksum: number): MendedRow | undefined {
  const difference = (checksumOf(key, records) ^ checksum) >>> 0;
  if ((difference & (difference - 1)) === 0) return { records, at: undefined };
  // The difference that a flip makes, from the last bit of the row to the first.
  let made = POLYNOMIAL;
  for (let at = records.length - 1; at >= 0; at -= 1) {
    for (let bit = BYTE_BITS - 1; bit >= 0; bit -= 1) {
      if (made === difference) {
        const mended = Uint8Array.from(records);
        mended[at] = (mended[at] ?? 0) ^ (1 << bit);
        return { records: mended, at };
      }
      made = ((made & 1) === 0 ? made >>> 1 : (made >>> 1) ^ POLYNOMIAL) >>> 0;
    }
  }
  return undefined;
}
