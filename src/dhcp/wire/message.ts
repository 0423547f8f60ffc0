// The DHCP message as bytes and as a value (RFC 2131 §2). Sources: RFC 2131 §2 and §4.1, RFC 2132
// §9.3 (option overload), RFC 3396 (long and repeated options), RFC 951 (the 300-byte minimum).
//
// 1. Decoding never throws: it returns a whole value, or the first fault with its offset and field.
// 2. The pieces of an option are joined in the order options, file, sname (RFC 3396 §5), so each
//    code has one value.
// 3. A decoded message is views of one copy, because the next datagram overwrites the memory.
// 4. A request without the magic cookie is BOOTP (RFC 951), which the rack refuses by name.
// 5. `option-layout.ts` decides where each option is written.

import { ANY, type Ipv4, type MacAddress, macToBytes } from '../../ground/address.ts';
import type { BorrowedBytes } from '../../ground/borrowed-bytes.ts';
import { ByteReader, type Decoded, faulty } from '../../net/byte-reader.ts';
import { takeBytes } from '../../net/byte-slab.ts';
import { ByteWriter } from '../../net/byte-writer.ts';
import { type DhcpOptions, OptionList, type OptionsInMaking } from './message-options.ts';
import { FILE_BYTES, layOut, PIECE_BYTES_MAX, type Share, SNAME_BYTES } from './option-layout.ts';

const FIXED_BYTES = 240;
const COOKIE = 0x63825363;
const CHADDR_OFFSET = 28;
const SNAME_OFFSET = 44;
const FILE_OFFSET = 108;
/** The longest message decoded; a client's Ethernet frame holds 1472 bytes. */
export const MESSAGE_BYTES_MAX = 4096;
/** The shortest reply: some relays and ROMs drop shorter ones (RFC 951 §3). */
export const REPLY_BYTES_MIN = 300;

const PAD = 0;
const OVERLOAD = 52;
const END = 255;

/** Values of `op`. */
export const BOOT_REQUEST = 1;
export const BOOT_REPLY = 2;
/** The client cannot receive unicasts before it has an address. */
export const BROADCAST_FLAG = 0x8000;

/** Field names are RFC 2131's (§2). */
export interface DhcpMessage {
  readonly op: number;
  readonly htype: number;
  /** Length of the hardware address, 0 to 16. */
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  /** All 16 bytes of the field. */
  readonly chaddr: Uint8Array;
  /** One character a byte, at most 64; empty if it carries options. */
  readonly sname: string;
  /** One character a byte, at most 128; empty if it carries options. */
  readonly file: string;
  /** In wire order. */
  readonly options: DhcpOptions;
}

/** A request of a client on Ethernet; a field without a value is 0. */
export function clientRequest(
  mac: MacAddress,
  options: DhcpOptions,
  values: Partial<Pick<DhcpMessage, 'hops' | 'xid' | 'secs' | 'flags' | 'ciaddr' | 'giaddr'>> = {},
): DhcpMessage {
  const chaddr = new Uint8Array(16);
  chaddr.set(macToBytes(mac));
  const counts = { hops: 0, xid: 0, secs: 0, flags: 0 };
  const addresses = { ciaddr: ANY, yiaddr: ANY, siaddr: ANY, giaddr: ANY };
  return {
    op: BOOT_REQUEST,
    htype: 1,
    hlen: 6,
    ...counts,
    ...addresses,
    ...values,
    chaddr,
    sname: '',
    file: '',
    options,
  };
}

/**
 * Decodes a message. The END option may be missing.
 *
 * Faults: `truncated`; `too-long` over MESSAGE_BYTES_MAX; `bad-length` for `hlen` over 16;
 * `bad-value` for a message other than a request with a wrong magic cookie, and for an option
 * overload that is not 1, 2 or 3.
 */
export function decodeDhcpMessage(borrowed: BorrowedBytes): Decoded<DhcpMessage> {
  if (borrowed.length > MESSAGE_BYTES_MAX) {
    return faulty({ code: 'too-long', offset: MESSAGE_BYTES_MAX, field: 'message' });
  }
  const bytes = takeBytes(borrowed.length);
  bytes.set(borrowed);
  const reader = new ByteReader(bytes);
  const op = reader.u8('op');
  const htype = reader.u8('htype');
  const hlen = reader.u8('hlen');
  if (hlen > 16) reader.fail('bad-length', 'hlen', 2);
  const hops = reader.u8('hops');
  const xid = reader.u32('xid');
  const secs = reader.u16('secs');
  const flags = reader.u16('flags');
  const ciaddr = reader.u32('ciaddr') as Ipv4;
  const yiaddr = reader.u32('yiaddr') as Ipv4;
  const siaddr = reader.u32('siaddr') as Ipv4;
  const giaddr = reader.u32('giaddr') as Ipv4;
  reader.skip(16, 'chaddr');
  const chaddr = bytes.subarray(CHADDR_OFFSET, CHADDR_OFFSET + 16);
  reader.skip(SNAME_BYTES + FILE_BYTES, 'file');
  const hasOptions = reader.u32('cookie') === COOKIE;
  if (!hasOptions && op !== BOOT_REQUEST) reader.fail('bad-value', 'cookie', FIXED_BYTES - 4);

  const options = new OptionList();
  if (hasOptions) readOptions(reader, bytes, bytes.length, 'options', options);
  const overload = readOverload(reader, options);
  const fileHasOptions = (overload & 1) !== 0;
  const snameHasOptions = (overload & 2) !== 0;
  if (fileHasOptions) readField(reader, bytes, FILE_OFFSET, FILE_BYTES, 'file', options);
  if (snameHasOptions) readField(reader, bytes, SNAME_OFFSET, SNAME_BYTES, 'sname', options);
  options.delete(OVERLOAD);

  return reader.done({
    op,
    htype,
    hlen,
    hops,
    xid,
    secs,
    flags,
    ciaddr,
    yiaddr,
    siaddr,
    giaddr,
    chaddr,
    sname: snameHasOptions ? '' : decodeFixedText(bytes, SNAME_OFFSET, SNAME_BYTES),
    file: fileHasOptions ? '' : decodeFixedText(bytes, FILE_OFFSET, FILE_BYTES),
    options,
  });
}

function readOverload(reader: ByteReader, options: DhcpOptions): number {
  const value = options.get(OVERLOAD);
  if (value === undefined) return 0;
  const overload = value[0] ?? 0;
  if (value.length === 1 && overload >= 1 && overload <= 3) return overload;
  reader.fail('bad-value', 'option 52');
  return 0;
}

function readField(
  reader: ByteReader,
  bytes: Uint8Array,
  offset: number,
  length: number,
  field: string,
  options: OptionsInMaking,
): void {
  reader.seek(offset, field);
  readOptions(reader, bytes, offset + length, field, options);
}

/** Reads and joins options up to `end` or the END option. */
function readOptions(
  reader: ByteReader,
  bytes: Uint8Array,
  end: number,
  field: string,
  options: OptionsInMaking,
): void {
  while (reader.fault === undefined && reader.offset < end) {
    const at = reader.offset;
    const code = reader.u8(field);
    if (code === END) return;
    if (code === PAD) continue;
    const length = reader.offset < end ? reader.u8(field) : end;
    if (reader.offset + length > end) reader.fail('truncated', `option ${code}`, at);
    const value = bytes.subarray(reader.offset, reader.offset + length);
    reader.skip(length, field);
    if (reader.fault !== undefined) return;
    const before = options.get(code);
    options.set(code, before === undefined ? value : concatBytes(before, value));
  }
}

function concatBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function decodeFixedText(bytes: Uint8Array, offset: number, length: number): string {
  if (bytes.length < offset + length || bytes[offset] === 0) return '';
  const zero = bytes.indexOf(0, offset);
  const end = zero === -1 || zero > offset + length ? offset + length : zero;
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, end - offset).toString('latin1');
}

export interface EncodedMessage {
  readonly bytes: Uint8Array;
  readonly omitted: readonly number[];
}

/**
 * Encodes a message, padded to REPLY_BYTES_MIN. It takes at most `limitBytes` (300 to 4096) without
 * option 82, and `wholeBytes` with it. Options keep their order, 82 last. If they do not fit, the
 * most important come first, and the rest moves to `file` and `sname` if those are empty or repeat
 * option 67 or 66 (RFC 2132 §9.3). What fits nowhere is left out and named.
 */
export function encodeDhcpMessage(message: DhcpMessage, limitBytes: number, wholeBytes = limitBytes): EncodedMessage {
  const layout = layOut(message, optionSpace(limitBytes), optionSpace(Math.max(limitBytes, wholeBytes)));
  const writer = new ByteWriter(takeBytes(Math.max(REPLY_BYTES_MIN, FIXED_BYTES + layout.main.size)));
  writer.u8(message.op);
  writer.u8(message.htype);
  writer.u8(message.hlen);
  writer.u8(message.hops);
  writer.u32(message.xid);
  writer.u16(message.secs);
  writer.u16(message.flags);
  writer.u32(message.ciaddr);
  writer.u32(message.yiaddr);
  writer.u32(message.siaddr);
  writer.u32(message.giaddr);
  writer.write(message.chaddr.length === 16 ? message.chaddr : message.chaddr.subarray(0, 16));
  padTo(writer, SNAME_OFFSET);
  writeField(writer, message.sname, SNAME_BYTES, layout.sname);
  writeField(writer, message.file, FILE_BYTES, layout.file);
  writer.u32(COOKIE);
  writeOptions(writer, layout.main);
  padTo(writer, REPLY_BYTES_MIN);
  return { bytes: writer.finish(), omitted: layout.omitted };
}

/** The option field's size in a message of at most `bytes`. */
const optionSpace = (bytes: number): number =>
  Math.min(Math.max(bytes, REPLY_BYTES_MIN), MESSAGE_BYTES_MAX) - FIXED_BYTES;

function padTo(writer: ByteWriter, offset: number): void {
  if (writer.offset < offset) writer.zeros(offset - writer.offset);
}

/** Writes a field of `length` bytes: its options, else its text. */
function writeField(writer: ByteWriter, text: string, length: number, options: Share): void {
  const end = writer.offset + length;
  if (options.entries.size > 0) writeOptions(writer, options);
  else if (text !== '') writer.latin1(text.slice(0, length));
  padTo(writer, end);
}

function writeOptions(writer: ByteWriter, share: Share): void {
  share.entries.forEach((value, code) => {
    let offset = 0;
    do {
      const piece = value.length <= PIECE_BYTES_MAX ? value : value.subarray(offset, offset + PIECE_BYTES_MAX);
      writer.u8(code);
      writer.u8(piece.length);
      writer.write(piece);
      offset += PIECE_BYTES_MAX;
    } while (offset < value.length);
  });
  writer.u8(END);
}
