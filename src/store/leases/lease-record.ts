// Encodes leases as bytes, for messages to the journal worker (a buffer is transferred at once,
// objects are cloned) and for `leases.db`.
//
// 1. A batch is any number of concatenated records. A record's fields give its length, so a batch
//    has no header.
// 2. Integers are big endian. Those that may exceed 32 bits take 48: hardware addresses, sequences,
//    milliseconds since 1970.
// 3. Texts from the wire (client identifier, option 82 …) have one byte per character; names and
//    boot ids are UTF-8.
// 4. The top bit of the state is set if the lease was granted by client identifier.
//
//   sequence 48 | address 32 | mac 48 | state 8 | granted ms 48 | expires ms 48 | duration s 32 |
//   uptime ms 48 | named before ms 48 | six texts a text: length + 1 as 16 bits, bytes; 0: absent

import type { LeaseState } from '../../dhcp/leases/lease.ts';
import type { StoredLease } from '../../dhcp/leases/stored-lease.ts';
import { ipv4, mac } from '../../ground/address.ts';
import { type BorrowedBytes, borrowedText } from '../../ground/borrowed-bytes.ts';
import { seconds } from '../../ground/clock.ts';
import { ByteReader, type Decoded } from '../../net/byte-reader.ts';

/** A longer text is cut: no lease may be lost over its option 82. */
export const RECORD_TEXT_MAX = 1024;

const UINT48_MAX = 0xffff_ffff_ffff;
const ADDRESS_OFFSET = 6;
const FIXED_BYTES = 45;
const TEXT_COUNT = 6;
const RECORD_BYTES_MAX = FIXED_BYTES + TEXT_COUNT * (2 + RECORD_TEXT_MAX);
const FIRST_CAPACITY = 16_384;

const STATES: readonly LeaseState[] = ['bound', 'released', 'declined'];
const BY_IDENTIFIER_BIT = 0x80;

/** The sequence is 1 to 2^48 - 1. */
export interface LeaseRecord {
  readonly sequence: number;
  readonly lease: StoredLease;
}

export class LeaseBatch {
  #buffer: Buffer<ArrayBuffer>;
  #length = 0;
  #recordCount = 0;
  #lastSequence = 0;

  /** @param memory of an earlier batch, to reuse */
  constructor(memory?: ArrayBuffer) {
    // Pooled memory cannot be transferred to another thread.
    this.#buffer = memory === undefined ? Buffer.allocUnsafeSlow(FIRST_CAPACITY) : Buffer.from(memory);
  }

  get records(): number {
    return this.#recordCount;
  }
  /** The sequence of the last record; 0 if there is none. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  add(sequence: number, lease: StoredLease): void {
    if (this.#length + RECORD_BYTES_MAX > this.#buffer.length) this.#grow();
    this.#length = writeRecord(this.#buffer, this.#length, sequence, lease);
    this.#recordCount += 1;
    this.#lastSequence = sequence;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset, this.#length);
  }

  #grow(): void {
    const larger = Buffer.allocUnsafeSlow(this.#buffer.length * 2);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function writeRecord(target: Buffer, start: number, sequence: number, lease: StoredLease): number {
  let offset = writeUint48(target, start, sequence);
  offset = target.writeUInt32BE(lease.address, offset);
  offset = writeUint48(target, offset, lease.mac);
  offset = target.writeUInt8(
    STATES.indexOf(lease.state) | (lease.identity === 'client-id' ? BY_IDENTIFIER_BIT : 0),
    offset,
  );
  offset = writeUint48(target, offset, lease.grantedWallMs);
  offset = writeUint48(target, offset, lease.expiresWallMs);
  offset = target.writeUInt32BE(Math.min(Math.max(Math.floor(lease.duration), 0), 0xffffffff), offset);
  offset = writeUint48(target, offset, lease.uptimeS * 1000);
  offset = writeUint48(target, offset, lease.namedBeforeMs);
  offset = writeText(target, offset, lease.bootId, 'utf8');
  offset = writeText(target, offset, lease.hostname, 'utf8');
  offset = writeText(target, offset, lease.clientId, 'latin1');
  offset = writeText(target, offset, lease.vendorClass, 'latin1');
  offset = writeText(target, offset, lease.circuitId, 'latin1');
  return writeText(target, offset, lease.remoteId, 'latin1');
}

// A time before 1970 or after the year 10 000 is clamped.
function writeUint48(target: Buffer, offset: number, value: number): number {
  return target.writeUIntBE(Math.min(Math.max(Math.round(value), 0), UINT48_MAX), offset, 6);
}

function writeText(target: Buffer, offset: number, text: string | undefined, encoding: 'utf8' | 'latin1'): number {
  if (text === undefined) return target.writeUInt16BE(0, offset);
  // `write` never splits a UTF-8 character.
  const length = target.write(text, offset + 2, RECORD_TEXT_MAX, encoding);
  target.writeUInt16BE(length + 1, offset);
  return offset + 2 + length;
}

const readUint48 = (reader: ByteReader, field: string): number => reader.u16(field) * 0x1_0000_0000 + reader.u32(field);

function readTextBytes(reader: ByteReader, field: string): BorrowedBytes | undefined {
  const length = reader.u16(field);
  return length === 0 ? undefined : reader.borrow(length - 1, field);
}

const decodeOptionalUtf8 = (bytes: BorrowedBytes | undefined): string | undefined => decodeText(bytes, 'utf8');
const decodeOptionalLatin1 = (bytes: BorrowedBytes | undefined): string | undefined => decodeText(bytes, 'latin1');
const decodeText = (bytes: BorrowedBytes | undefined, encoding: 'utf8' | 'latin1'): string | undefined =>
  bytes && borrowedText(bytes, encoding);

export const readRecordAddress = (bytes: Buffer, offset: number): number => bytes.readUInt32BE(offset + ADDRESS_OFFSET);

/** `undefined` if the record is truncated. */
export function findRecordEnd(bytes: Uint8Array, offset: number): number | undefined {
  let end = offset + FIXED_BYTES;
  for (let text = 0; text < TEXT_COUNT; text += 1) {
    const length = ((bytes[end] ?? 0) << 8) | (bytes[end + 1] ?? 0);
    end += length === 0 ? 2 : length + 1;
  }
  return end <= bytes.length ? end : undefined;
}

export function decodeLeases(bytes: Uint8Array): Decoded<readonly LeaseRecord[]> {
  // Nearly all leases of a batch share these strings.
  const internedTexts = new Map<string, string>();
  const intern = (text: string): string => {
    const sharedText = internedTexts.get(text);
    if (sharedText === undefined) internedTexts.set(text, text);
    return sharedText ?? text;
  };
  const reader = new ByteReader(bytes);
  const records: LeaseRecord[] = [];
  while (reader.remaining > 0 && reader.fault === undefined) records.push(decodeLeaseRecord(reader, intern));
  return reader.done(records);
}

function decodeLeaseRecord(reader: ByteReader, intern: (text: string) => string): LeaseRecord {
  const sequence = readUint48(reader, 'sequence');
  const address = ipv4(reader.u32('address'));
  const hardwareAddress = mac(readUint48(reader, 'mac'));
  const stateBits = reader.u8('state');
  const state = STATES[stateBits & ~BY_IDENTIFIER_BIT];
  if (state === undefined) reader.fail('bad-value', 'state', reader.offset - 1);
  const grantedWallMs = readUint48(reader, 'granted');
  const expiresWallMs = readUint48(reader, 'expires');
  const duration = seconds(reader.u32('duration'));
  const uptimeS = readUint48(reader, 'uptime') / 1000;
  const namedBeforeMs = readUint48(reader, 'named before');
  const bootId = intern(decodeOptionalUtf8(readTextBytes(reader, 'boot id')) ?? '');
  const hostname = decodeOptionalUtf8(readTextBytes(reader, 'hostname'));
  const clientId = decodeOptionalLatin1(readTextBytes(reader, 'client id'));
  const vendorClass = decodeOptionalLatin1(readTextBytes(reader, 'vendor class'));
  return {
    sequence,
    lease: {
      address,
      mac: hardwareAddress,
      state: state ?? 'bound',
      duration,
      hostname,
      namedBeforeMs,
      clientId,
      identity: (stateBits & BY_IDENTIFIER_BIT) === 0 ? undefined : 'client-id',
      vendorClass: vendorClass === undefined ? undefined : intern(vendorClass),
      circuitId: decodeOptionalLatin1(readTextBytes(reader, 'circuit id')),
      remoteId: decodeOptionalLatin1(readTextBytes(reader, 'remote id')),
      grantedWallMs,
      expiresWallMs,
      bootId,
      uptimeS,
    },
  };
}
