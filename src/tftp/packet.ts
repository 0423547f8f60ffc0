// Decodes and encodes TFTP packets. Sources: RFC 1350 §5, RFC 2347, RFC 2348, RFC 2349, RFC 7440 §3.
//
// 1. Decoding returns the first fault, and never throws.
// 2. The decoder accepts requests as firmware really sends them: the last zero byte may be missing,
//    zeros and half an option may follow, an option may come twice. Encoding is exact.
// 3. Decoded values are copies.

import { type BorrowedBytes, findZeroByte, viewBytes } from '../ground/borrowed-bytes.ts';
import { ByteReader, type Decoded, faulty, type WireFault } from '../net/byte-reader.ts';
import { ByteWriter } from '../net/byte-writer.ts';

/** RFC 1350 §5 "Error Codes", 8 from RFC 2347. */
export const TFTP_ERROR = {
  notDefined: 0,
  fileNotFound: 1,
  accessViolation: 2,
  diskFull: 3,
  illegalOperation: 4,
  unknownTransfer: 5,
  fileExists: 6,
  noSuchUser: 7,
  optionRefused: 8,
} as const;

/** The longest request that is read; RFC 2347 allows 512 bytes. */
export const REQUEST_BYTES_MAX = 1472;
/** The most options that are read; further ones are ignored. */
export const OPTIONS_MAX = 16;
/** Bytes of an error's text, read or written. */
export const ERROR_TEXT_BYTES_MAX = 255;
export const DATA_HEADER_BYTES = 4;

const OPCODE = { read: 1, write: 2, data: 3, ack: 4, error: 5, options: 6 } as const;

/** An option as written; names compare without regard to case (RFC 2347). */
export interface TftpOption {
  readonly name: string;
  readonly value: string;
}

export interface TftpRequest {
  readonly kind: 'read' | 'write';
  /** As sent, without what follows the end of a DHCP option (`withoutEnd`). */
  readonly file: string;
  /** In lower case: `octet`, `netascii`, or whatever was sent. */
  readonly mode: string;
  readonly options: readonly TftpOption[];
}

export type TftpPacket =
  | TftpRequest
  | { readonly kind: 'data'; readonly block: number; readonly bytes: Uint8Array }
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  | { readonly kind: 'options'; readonly options: readonly TftpOption[] };

/** Block numbers are 0 to 65535. */
export function decodePacket(bytes: BorrowedBytes): Decoded<TftpPacket> {
  const reader = new ByteReader(bytes);
  const opcode = reader.u16('opcode');
  switch (opcode) {
    case OPCODE.read:
    case OPCODE.write:
      return decodeRequest(reader, opcode === OPCODE.read ? 'read' : 'write');
    case OPCODE.data: {
      const block = reader.u16('block');
      return reader.done({ kind: 'data', block, bytes: reader.copy(reader.remaining, 'data') });
    }
    case OPCODE.ack:
      // Quirk: some ROMs pad an ACK to the smallest Ethernet frame.
      return reader.done({ kind: 'ack', block: reader.u16('block') });
    case OPCODE.error: {
      const code = reader.u16('error code');
      return reader.done({ kind: 'error', code, message: textUpToZero(reader).slice(0, ERROR_TEXT_BYTES_MAX) });
    }
    case OPCODE.options:
      return reader.done({ kind: 'options', options: readOptions(reader) });
    default:
      return faulty(reader.fault ?? { code: 'bad-value', offset: 0, field: 'opcode' });
  }
}

/**
 * The block that the first `length` bytes acknowledge; undefined if they are no ACK. Allocates
 * nothing, because it runs for each block.
 */
export function ackedBlock(bytes: BorrowedBytes, length: number): number | undefined {
  const isAck = length >= 4 && bytes[0] === 0 && bytes[1] === OPCODE.ack;
  return isAck ? ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0) : undefined;
}

/** Undefined if the packet was not a request. */
export function describeRequestFault({ field, code }: WireFault): string | undefined {
  switch (field) {
    case 'file name':
      return code === 'truncated' ? 'File name has no end' : 'File name is empty';
    case 'mode':
      return 'Mode is missing';
    case 'request':
      return 'Request is too long';
    default:
      return undefined;
  }
}

function decodeRequest(reader: ByteReader, kind: 'read' | 'write'): Decoded<TftpPacket> {
  if (reader.bytes.length > REQUEST_BYTES_MAX) {
    return faulty({ code: 'too-long', offset: REQUEST_BYTES_MAX, field: 'request' });
  }
  const fileAt = reader.offset;
  const file = asUtf8(withoutEnd(reader.zeroTerminated('file name')));
  if (file === '') reader.fail('bad-value', 'file name', fileAt);
  const modeAt = reader.offset;
  const mode = textUpToZero(reader).toLowerCase();
  if (mode === '') reader.fail('truncated', 'mode', modeAt);
  return reader.done({ kind, file, mode, options: readOptions(reader) });
}

/** Ends at an empty name (padding) or half a pair. If an option repeats, the first counts. */
function readOptions(reader: ByteReader): readonly TftpOption[] {
  const options: TftpOption[] = [];
  const seen = new Set<string>();
  while (options.length < OPTIONS_MAX && reader.remaining > 0) {
    const name = textUpToZero(reader);
    if (name === '' || reader.remaining === 0) break;
    const value = textUpToZero(reader);
    if (seen.has(name.toLowerCase())) continue;
    seen.add(name.toLowerCase());
    options.push({ name, value });
  }
  return options;
}

/** Text up to a zero byte or the end; consumes the zero byte. */
function textUpToZero(reader: ByteReader): string {
  if (reader.fault !== undefined) return '';
  const zero = findZeroByte(reader.bytes, reader.offset);
  if (zero !== -1) return reader.zeroTerminated('text');
  return reader.latin1(reader.remaining, 'text');
}

/**
 * Quirk: old PXE ROMs read DHCP option 67 up to a zero byte. Servers that write none (Kea, UniFi)
 * make them run on into the end option, 0xff (RFC 2132 §3.2), and beyond. That byte occurs nowhere
 * in UTF-8 (RFC 3629 §3).
 */
function withoutEnd(name: string): string {
  const end = name.indexOf('\xff');
  return end > 0 ? name.slice(0, end) : name;
}

const asUtf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8');

/** RFC 2347. */
export function encodeOptions(options: readonly TftpOption[]): Uint8Array {
  const text = options.map(({ name, value }) => `${name}\0${value}\0`).join('');
  const writer = new ByteWriter(2 + text.length);
  writer.u16(OPCODE.options);
  writer.latin1(text);
  return writer.finish();
}

/** The text is cut to ERROR_TEXT_BYTES_MAX; only characters up to U+00FF are kept. */
export function encodeError(code: number, message: string): Uint8Array {
  const text = viewBytes(Buffer.from(message, 'latin1'), 0, ERROR_TEXT_BYTES_MAX);
  const writer = new ByteWriter(5 + text.length);
  writer.u16(OPCODE.error);
  writer.u16(code);
  writer.write(text);
  writer.u8(0);
  return writer.finish();
}

/**
 * Makes DATA packets, back to back from the start of `target`. Their content, `length` bytes,
 * already lies in `target` behind the room for all headers. Each packet has `blockBytes` of it; the
 * last one is shorter or empty.
 * @param first absolute number of the first block; sent numbers roll over from 65535 to 0
 * @param count how many packets; the content fills all but the last
 */
export function frameBlocks(
  target: Uint8Array,
  length: number,
  first: number,
  count: number,
  blockBytes: number,
): void {
  let from = count * DATA_HEADER_BYTES;
  const end = from + length;
  for (let index = 0, at = 0; index < count; index += 1) {
    const block = first + index;
    target[at] = 0;
    target[at + 1] = OPCODE.data;
    target[at + 2] = block >>> 8;
    target[at + 3] = block;
    const to = Math.min(from + blockBytes, end);
    // Towards the start, where all content has moved away.
    target.copyWithin(at + DATA_HEADER_BYTES, from, to);
    at += DATA_HEADER_BYTES + to - from;
    from = to;
  }
}
