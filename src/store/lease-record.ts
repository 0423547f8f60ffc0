// Leases as bytes, for the way between the rack loop and the journal worker: objects would be cloned field by field, a buffer
// changes hands in one step.
//
// 1. A batch is any number of records one after the other; a record says its own length by its fields, so a batch has no header.
// 2. Integers are big endian; what exceeds 32 bits takes 48: a hardware address, a sequence, milliseconds since 1970.
// 3. Texts of the wire (client identifier, option 82 …) are one byte a character; a name and a boot id are UTF-8.
// 4. The first bit of the state tells that identifiers counted when the lease was granted; it is 0 in files before version 3.
//
//   sequence 48 | address 32 | mac 48 | state 8 | granted ms 48 | expires ms 48 | duration s 32 | uptime ms 48 | six texts
//   a text: length + 1 as 16 bits, bytes; 0: there is none

import { seconds } from '../clock.ts';
import type { LeaseState } from '../dhcp/leases/lease.ts';
import type { StoredLease } from '../dhcp/leases/stored-lease.ts';
import { ipv4, mac } from '../net/address.ts';
import { ByteReader, type Decoded } from '../net/byte-reader.ts';

/** The most bytes one text of a record may have; a longer one is cut, for a lease must not be lost for its option 82. */
export const RECORD_TEXT_MAX = 1024;

const UINT48_MAX = 0xffff_ffff_ffff;
const FIXED_BYTES = 43;
const TEXTS = 6;
const RECORD_BYTES_MAX = FIXED_BYTES + TEXTS * (2 + RECORD_TEXT_MAX);
const FIRST_CAPACITY = 16_384;

const STATES: readonly LeaseState[] = ['bound', 'released', 'declined'];
const BY_IDENTIFIER = 0x80;

/** A lease with the sequence of its record, 1 to 2^48 - 1. */
export interface LeaseRecord {
  readonly sequence: number;
  readonly lease: StoredLease;
}

/** Gathers records in a buffer that grows and is given away whole. */
export class LeaseBatch {
  #buffer: Buffer<ArrayBuffer>;
  #length = 0;
  #records = 0;
  #lastSequence = 0;

  /** @param memory of an earlier batch; undefined: memory of its own */
  constructor(memory?: ArrayBuffer) {
    // Not from Node's pool: a pooled buffer's memory cannot be transferred to another thread.
    this.#buffer = memory === undefined ? Buffer.allocUnsafeSlow(FIRST_CAPACITY) : Buffer.from(memory);
  }

  /** How many records it holds. */
  get records(): number {
    return this.#records;
  }
  /** The sequence of the last record; 0 when there is none. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  add(sequence: number, lease: StoredLease): void {
    if (this.#length + RECORD_BYTES_MAX > this.#buffer.length) this.#grow();
    this.#length = writeRecord(this.#buffer, this.#length, sequence, lease);
    this.#records += 1;
    this.#lastSequence = sequence;
  }

  /** The bytes, in memory that may be transferred; the batch is done with. */
  finish(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset, this.#length);
  }

  #grow(): void {
    const larger = Buffer.allocUnsafeSlow(this.#buffer.length * 2);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

function writeRecord(to: Buffer, start: number, sequence: number, lease: StoredLease): number {
  let at = writeUint48(to, start, sequence);
  at = to.writeUInt32BE(lease.address, at);
  at = writeUint48(to, at, lease.mac);
  at = to.writeUInt8(STATES.indexOf(lease.state) | (lease.identity === 'client-id' ? BY_IDENTIFIER : 0), at);
  at = writeUint48(to, at, lease.grantedWallMs);
  at = writeUint48(to, at, lease.expiresWallMs);
  at = to.writeUInt32BE(Math.min(Math.max(Math.floor(lease.duration), 0), 0xffffffff), at);
  at = writeUint48(to, at, lease.uptimeS * 1000);
  at = writeText(to, at, lease.bootId, 'utf8');
  at = writeText(to, at, lease.hostname, 'utf8');
  at = writeText(to, at, lease.clientId, 'latin1');
  at = writeText(to, at, lease.vendorClass, 'latin1');
  at = writeText(to, at, lease.circuitId, 'latin1');
  return writeText(to, at, lease.remoteId, 'latin1');
}

// A clock before 1970 or a sum beyond the year 10 000 is kept as the nearest value there is.
function writeUint48(to: Buffer, at: number, value: number): number {
  return to.writeUIntBE(Math.min(Math.max(Math.round(value), 0), UINT48_MAX), at, 6);
}

function writeText(to: Buffer, at: number, text: string | undefined, encoding: 'utf8' | 'latin1'): number {
  if (text === undefined) return to.writeUInt16BE(0, at);
  // `write` never cuts a character of UTF-8 in two.
  const length = to.write(text, at + 2, RECORD_TEXT_MAX, encoding);
  to.writeUInt16BE(length + 1, at);
  return at + 2 + length;
}

const readUint48 = (reader: ByteReader, field: string): number => reader.u16(field) * 0x1_0000_0000 + reader.u32(field);

/** A text as it stands in the batch; undefined: there is none. */
function readText(reader: ByteReader, field: string): Uint8Array | undefined {
  const length = reader.u16(field);
  return length === 0 ? undefined : reader.view(length - 1, field);
}

const utf8 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
const latin1 = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

/** The fields of a record as a database takes them: wire texts stay bytes, views into the batch. */
export interface RecordFields {
  readonly sequence: number;
  readonly address: number;
  readonly mac: number;
  readonly state: LeaseState;
  readonly isByIdentifier: boolean;
  readonly grantedMs: number;
  readonly expiresMs: number;
  readonly durationS: number;
  readonly uptimeMs: number;
  readonly bootId: string;
  readonly hostname: string | undefined;
  readonly clientId: Uint8Array | undefined;
  readonly vendorClass: Uint8Array | undefined;
  readonly circuitId: Uint8Array | undefined;
  readonly remoteId: Uint8Array | undefined;
}

function readFields(reader: ByteReader): RecordFields {
  const sequence = readUint48(reader, 'sequence');
  const address = reader.u32('address');
  const hardware = readUint48(reader, 'mac');
  const bits = reader.u8('state');
  const state = STATES[bits & ~BY_IDENTIFIER];
  if (state === undefined) reader.fail('bad-value', 'state', reader.offset - 1);
  const grantedMs = readUint48(reader, 'granted');
  const expiresMs = readUint48(reader, 'expires');
  const durationS = reader.u32('duration');
  const uptimeMs = readUint48(reader, 'uptime');
  const bootId = readText(reader, 'boot id');
  const hostname = readText(reader, 'hostname');
  return {
    sequence,
    address,
    mac: hardware,
    state: state ?? 'bound',
    isByIdentifier: (bits & BY_IDENTIFIER) !== 0,
    grantedMs,
    expiresMs,
    durationS,
    uptimeMs,
    bootId: bootId === undefined ? '' : utf8(bootId),
    hostname: hostname === undefined ? undefined : utf8(hostname),
    clientId: readText(reader, 'client id'),
    vendorClass: readText(reader, 'vendor class'),
    circuitId: readText(reader, 'circuit id'),
    remoteId: readText(reader, 'remote id'),
  };
}

/** Every record of a batch, for the database; or the first fault. */
export function decodeFields(bytes: Uint8Array): Decoded<readonly RecordFields[]> {
  const reader = new ByteReader(bytes);
  const all: RecordFields[] = [];
  while (reader.remaining > 0 && reader.fault === undefined) all.push(readFields(reader));
  return reader.done(all);
}

/** Every record of a batch, as leases; or the first fault. */
export function decodeLeases(bytes: Uint8Array): Decoded<readonly LeaseRecord[]> {
  const fields = decodeFields(bytes);
  if (!fields.ok) return fields;
  // Nearly all leases of a batch come from one boot, and of few kinds of clients: they share these strings.
  const shared = new Map<string, string>();
  const intern = (text: string): string => {
    const known = shared.get(text);
    if (known === undefined) shared.set(text, text);
    return known ?? text;
  };
  return { ok: true, value: fields.value.map((one) => ({ sequence: one.sequence, lease: toLease(one, intern) })) };
}

function toLease(fields: RecordFields, intern: (text: string) => string): StoredLease {
  const vendorClass = latin1(fields.vendorClass);
  return {
    address: ipv4(fields.address),
    mac: mac(fields.mac),
    state: fields.state,
    duration: seconds(fields.durationS),
    hostname: fields.hostname,
    clientId: latin1(fields.clientId),
    identity: fields.isByIdentifier ? 'client-id' : undefined,
    vendorClass: vendorClass === undefined ? undefined : intern(vendorClass),
    circuitId: latin1(fields.circuitId),
    remoteId: latin1(fields.remoteId),
    grantedWallMs: fields.grantedMs,
    expiresWallMs: fields.expiresMs,
    bootId: intern(fields.bootId),
    uptimeS: fields.uptimeMs / 1000,
  };
}
