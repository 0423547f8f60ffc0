// Salvages a row of `leases.db` whose checksum is wrong.
//
//   one flipped bit ─▶ undone: nothing is lost
//   more ─▶ the records up to the first that does not decode are kept, and their addresses are doubted
//           the other addresses of a block may have had a lease: they are set aside
//           a cut batch does not show which other addresses it had: it is not used (`isCut`)
//
// 1. No address becomes free silently: each row is reported once, with its addresses.
// 2. The checksum is a CRC-32 over the row's records, seeded with its key. SQLite checks only the
//    structure of its pages.
// 3. CRC-32 is linear: the difference to the computed checksum depends on the flipped bits alone.
//    Within 2^32 bits each single flip has its own; in rows of up to 11 KB, two are never taken for
//    one.
//
// Sources: ITU-T V.42 §8.1.1.6.2 (the polynomial); Koopman, "32-Bit Cyclic Redundancy Codes for
// Internet Applications", DSN 2002.

import { crc32 } from 'node:zlib';
import { formatIpv4, type Ipv4, ipv4 } from '../../ground/address.ts';
import { viewBytes } from '../../ground/borrowed-bytes.ts';
import type { RackNote } from '../../region/reports/notes.ts';
import { BLOCK_ADDRESSES } from './fold-pass.ts';
import { decodeLeases, findRecordEnd, readRecordAddress } from './lease-record.ts';

/** Least significant bit first. */
const POLYNOMIAL = 0xedb8_8320;
const BYTE_BITS = 8;

/** @param key of the row, up to 2^48 */
export const computeRowChecksum = (key: number, records: Uint8Array): number => crc32(records, key % 0x1_0000_0000);

interface MendedRow {
  readonly records: Uint8Array;
  /** The byte with the flipped bit; `undefined` if the bit was in the checksum. */
  readonly byteIndex: number | undefined;
}

/** @returns `undefined` if more than one bit is wrong */
export function undoFlippedBit(key: number, records: Uint8Array<ArrayBuffer>, checksum: number): MendedRow | undefined {
  const difference = (computeRowChecksum(key, records) ^ checksum) >>> 0;
  if ((difference & (difference - 1)) === 0) return { records, byteIndex: undefined };
  // A flip's difference, from the last bit of the row to the first.
  let flipDifference = POLYNOMIAL;
  for (let index = records.length - 1; index >= 0; index -= 1) {
    for (let bit = BYTE_BITS - 1; bit >= 0; bit -= 1) {
      if (flipDifference === difference) {
        const mendedRecords = Uint8Array.from(records);
        mendedRecords[index] = (mendedRecords[index] ?? 0) ^ (1 << bit);
        return { records: mendedRecords, byteIndex: index };
      }
      flipDifference = ((flipDifference & 1) === 0 ? flipDifference >>> 1 : (flipDifference >>> 1) ^ POLYNOMIAL) >>> 0;
    }
  }
  return undefined;
}

/** Further addresses are counted. */
const NAMED_ADDRESSES_MAX = 8;
/** With so many damaged rows, the file is beyond repair. */
export const DAMAGE_REPORTED_MAX = 64;

export interface StoredRow {
  readonly table: 'log' | 'lease_block';
  /** The last sequence of a batch, or the number of a block. */
  readonly key: number;
  readonly records: Uint8Array<ArrayBuffer>;
  readonly checksum: number;
}

export interface LeaseDamage {
  readonly table: StoredRow['table'];
  readonly key: number;
  readonly isUndone: boolean;
  /** Addresses of the kept records; if a bit was undone, that of its record. */
  readonly keptAddresses: readonly Ipv4[];
  readonly lostAddresses: readonly Ipv4[];
  /** A batch with undecodable records: their addresses are unknown. */
  readonly isCut: boolean;
}

interface SalvagedRow {
  readonly records: Uint8Array;
  readonly damage: LeaseDamage;
}

/** Undoes a single flipped bit, or keeps what still decodes. */
export function salvage({ table, key, records, checksum }: StoredRow): SalvagedRow {
  const mended = undoFlippedBit(key, records, checksum);
  const locatedRecords = locateRecords(mended?.records ?? records);
  if (mended !== undefined) {
    const { byteIndex } = mended;
    const keptAddresses = locatedRecords.flatMap(({ start, end, address }) =>
      byteIndex !== undefined && start <= byteIndex && byteIndex < end ? address : [],
    );
    return {
      records: mended.records,
      damage: { table, key, isUndone: true, keptAddresses, lostAddresses: [], isCut: false },
    };
  }
  const keptAddresses = [...new Set(locatedRecords.map(({ address }) => address))];
  const blockAddresses =
    table === 'log' ? [] : Array.from({ length: BLOCK_ADDRESSES }, (_, index) => key * BLOCK_ADDRESSES + index);
  const lostAddresses = blockAddresses.map(ipv4).filter((address) => !keptAddresses.includes(address));
  const endOffset = locatedRecords.at(-1)?.end ?? 0;
  const isCut = table === 'log' && endOffset < records.length;
  return {
    records: viewBytes(records, 0, endOffset),
    damage: { table, key, isUndone: false, keptAddresses, lostAddresses, isCut },
  };
}

interface LocatedRecord {
  readonly start: number;
  readonly end: number;
  readonly address: Ipv4;
}

function locateRecords(records: Uint8Array): readonly LocatedRecord[] {
  const bytes = Buffer.from(records.buffer, records.byteOffset, records.byteLength);
  const locatedRecords: LocatedRecord[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = findRecordEnd(bytes, start);
    if (end === undefined || !decodeLeases(viewBytes(records, start, end)).ok) break;
    locatedRecords.push({ start, end, address: ipv4(readRecordAddress(bytes, start)) });
    start = end;
  }
  return locatedRecords;
}

export function composeDamageNote(
  file: string,
  { table, key, isUndone, keptAddresses, lostAddresses }: LeaseDamage,
): RackNote {
  const noteFields = {
    kept: formatFirstAddresses(keptAddresses),
    keptMore: countUnnamed(keptAddresses),
    lost: formatFirstAddresses(lostAddresses),
    lostMore: countUnnamed(lostAddresses),
  };
  return { note: 'leases-damaged', file, table, row: key, isUndone, ...noteFields };
}

const formatFirstAddresses = (addresses: readonly Ipv4[]): string =>
  addresses.slice(0, NAMED_ADDRESSES_MAX).map(formatIpv4).join(', ');
const countUnnamed = (addresses: readonly Ipv4[]): number => Math.max(0, addresses.length - NAMED_ADDRESSES_MAX);
