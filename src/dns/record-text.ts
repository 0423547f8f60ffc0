// Rdata as text: the master-file forms of RFC 1035 §5.1, RFC 2782 (SRV), RFC 3596 (AAAA), RFC 3597
// §5, RFC 4255 §3.2 (SSHFP), RFC 8659 §4.1.1 (CAA).
//
// 1. `parseRdata` reads `formatRdata`'s output back to the same octets.
// 2. Names count as fully qualified: a configured record has no origin.

import { formatIpv4, ipv4, parseIpv4 } from '../ground/address.ts';
import { viewBytes } from '../ground/borrowed-bytes.ts';
import { ByteReader } from '../net/byte-reader.ts';
import { parseName, readName, textToWire } from './name.ts';
import { addressRdata, TYPE } from './record.ts';

/** The types written as text, by name. */
export const RECORD_TYPE_NUMBERS = {
  A: TYPE.A,
  NS: TYPE.NS,
  CNAME: TYPE.CNAME,
  PTR: TYPE.PTR,
  MX: TYPE.MX,
  TXT: TYPE.TXT,
  AAAA: TYPE.AAAA,
  SRV: TYPE.SRV,
  SSHFP: TYPE.SSHFP,
  CAA: TYPE.CAA,
} as const;

export type RecordTypeName = keyof typeof RECORD_TYPE_NUMBERS;

/**
 * `undefined` if the text does not fit the type. Unquoted TXT data is one string; over 255 octets
 * it is split.
 */
export function parseRdata(type: RecordTypeName, data: string): Uint8Array | undefined {
  const written = data.trim();
  switch (type) {
    case 'A': {
      const address = parseIpv4(written);
      return address === undefined ? undefined : addressRdata(address);
    }
    case 'AAAA':
      return parseIpv6(written);
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return targetWire(written);
    case 'MX':
      return numbersAndName(written, 1);
    case 'SRV':
      return numbersAndName(written, 3);
    case 'TXT':
      return parseText(written);
    case 'SSHFP':
      return parseFingerprint(written);
    case 'CAA':
      return parseAuthorization(written);
  }
}

function targetWire(written: string): Uint8Array | undefined {
  const name = parseName(written);
  return name === undefined ? undefined : textToWire(name);
}

function numbersAndName(written: string, count: number): Uint8Array | undefined {
  const fields = written.split(/\s+/);
  const target = fields.length === count + 1 ? targetWire(fields[count] ?? '') : undefined;
  if (target === undefined) return undefined;
  const numbers = Buffer.alloc(count * 2);
  for (let index = 0; index < count; index += 1) {
    const field = fields[index] ?? '';
    if (!/^\d{1,5}$/.test(field) || Number(field) > 0xffff) return undefined;
    numbers.writeUInt16BE(Number(field), index * 2);
  }
  return Buffer.concat([numbers, target]);
}

function parseText(written: string): Uint8Array | undefined {
  const strings = written.startsWith('"') ? quotedStrings(written) : [Buffer.from(written, 'utf8')];
  if (strings === undefined) return undefined;
  const parts: Uint8Array[] = [];
  for (const string of strings) {
    for (let at = 0; at === 0 || at < string.length; at += 255) {
      const piece = viewBytes(string, at, at + 255);
      parts.push(Uint8Array.of(piece.length), piece);
    }
  }
  const rdata = Buffer.concat(parts);
  return rdata.length > 0xffff ? undefined : rdata;
}

/** `"one" "two"`, with `\"`, `\\` and `\DDD` inside. */
function quotedStrings(written: string): Buffer[] | undefined {
  const strings: Buffer[] = [];
  let rest = written;
  while (rest !== '') {
    const match = /^"((?:[^"\\]|\\\d{3}|\\[^\d])*)"\s*/.exec(rest);
    if (match === null) return undefined;
    const octets: Buffer[] = [];
    for (const piece of (match[1] ?? '').match(/\\\d{3}|\\?[^\\]|\\\\/gsu) ?? []) {
      if (!piece.startsWith('\\')) octets.push(Buffer.from(piece, 'utf8'));
      else if (piece.length === 4 && Number(piece.slice(1)) > 255) return undefined;
      else octets.push(piece.length === 4 ? Buffer.of(Number(piece.slice(1))) : Buffer.from(piece.slice(1), 'utf8'));
    }
    strings.push(Buffer.concat(octets));
    rest = rest.slice(match[0].length);
  }
  return strings;
}

/** A fingerprint's octets by type: SHA-1 (RFC 4255 §3.1.2), SHA-256 (RFC 6594 §4); others have any length. */
const FINGERPRINT_OCTETS: ReadonlyMap<number, number> = new Map([
  [1, 20],
  [2, 32],
]);

/** `4 2 9f86…`: algorithm, type, fingerprint in hexadecimal digits, with or without spaces. */
function parseFingerprint(written: string): Uint8Array | undefined {
  const [, algorithm = '', kind = '', digits = ''] = /^(\d{1,3})\s+(\d{1,3})\s+([0-9a-f\s]+)$/i.exec(written) ?? [];
  const fingerprint = Buffer.from(digits.replace(/\s/g, ''), 'hex');
  const wanted = FINGERPRINT_OCTETS.get(Number(kind)) ?? fingerprint.length;
  const isWhole = digits.replace(/\s/g, '').length === fingerprint.length * 2;
  if (fingerprint.length === 0 || !isWhole || fingerprint.length !== wanted) return undefined;
  return Number(algorithm) > 255 || Number(kind) > 255
    ? undefined
    : Buffer.concat([Uint8Array.of(Number(algorithm), Number(kind)), fingerprint]);
}

/** The characters of a CAA tag (RFC 8659 §4.1). */
const TAG = /^[0-9a-z]{1,255}$/i;

/** `0 issue "ca.example.net"`: flags, tag, value, quoted if it has spaces or a semicolon. */
function parseAuthorization(written: string): Uint8Array | undefined {
  const [, flags = '', tag = '', value = ''] = /^(\d{1,3})\s+(\S+)\s+(".*"|[^\s"';()\\]+)$/s.exec(written) ?? [];
  const strings = value.startsWith('"') ? quotedStrings(value) : [Buffer.from(value, 'utf8')];
  const [text] = strings ?? [];
  if (flags === '' || Number(flags) > 255 || !TAG.test(tag) || strings?.length !== 1 || text === undefined)
    return undefined;
  return Buffer.concat([Uint8Array.of(Number(flags), tag.length), Buffer.from(tag, 'latin1'), text]);
}

/** RFC 4291 §2.2. */
function parseIpv6(written: string): Uint8Array | undefined {
  const halves = written.split('::');
  if (halves.length > 2 || !/^[0-9a-f:.]+$/i.test(written)) return undefined;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1);
  const embedded = last?.at(-1)?.includes('.') === true ? parseIpv4(last.pop() ?? '') : undefined;
  if (embedded !== undefined) last?.push((embedded >>> 16).toString(16), (embedded & 0xffff).toString(16));
  const [head = [], tail = []] = groups;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...Array<string>(missing).fill('0'), ...tail];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** `\# length hex` if the type is unknown or the data malformed (RFC 3597 §5). */
export function formatRdata(type: number, rdata: Uint8Array): string {
  const reader = new ByteReader(rdata);
  const text = formatKnown(type, reader);
  if (text !== undefined && reader.fault === undefined && reader.remaining === 0) return text;
  const hex = Buffer.from(rdata).toString('hex');
  return `\\# ${rdata.length}${hex === '' ? '' : ` ${hex}`}`;
}

function formatKnown(type: number, reader: ByteReader): string | undefined {
  const name = (): string => `${readName(reader, 'rdata')}.`;
  switch (type) {
    case TYPE.A:
      return formatIpv4(ipv4(reader.u32('rdata')));
    case TYPE.AAAA:
      return Array.from({ length: 8 }, () => reader.u16('rdata').toString(16)).join(':');
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.PTR:
      return name();
    case TYPE.MX:
      return `${reader.u16('rdata')} ${name()}`;
    case TYPE.SRV:
      return `${reader.u16('rdata')} ${reader.u16('rdata')} ${reader.u16('rdata')} ${name()}`;
    case TYPE.SOA: {
      const names = `${name()} ${name()}`;
      return [names, ...Array.from({ length: 5 }, () => reader.u32('rdata'))].join(' ');
    }
    case TYPE.TXT:
    case TYPE.HINFO:
      return formatStrings(reader);
    case TYPE.SSHFP:
      return formatFingerprint(reader);
    case TYPE.CAA:
      return formatAuthorization(reader);
    default:
      return undefined;
  }
}

function formatStrings(reader: ByteReader): string {
  const strings: string[] = [];
  while (reader.remaining > 0 && reader.fault === undefined)
    strings.push(quoteOctets(reader.copy(reader.u8('rdata'), 'rdata')));
  return strings.join(' ');
}

function quoteOctets(octets: Uint8Array): string {
  let string = '';
  for (const octet of octets) {
    if (octet === 0x22 || octet === 0x5c) string += `\\${String.fromCharCode(octet)}`;
    else if (octet >= 0x20 && octet < 0x7f) string += String.fromCharCode(octet);
    else string += `\\${String(octet).padStart(3, '0')}`;
  }
  return `"${string}"`;
}

function formatFingerprint(reader: ByteReader): string | undefined {
  const [algorithm, kind] = [reader.u8('rdata'), reader.u8('rdata')];
  const length = reader.remaining;
  if (length === 0 || length !== (FINGERPRINT_OCTETS.get(kind) ?? length)) return undefined;
  return `${algorithm} ${kind} ${Buffer.from(reader.copy(length, 'rdata')).toString('hex')}`;
}

function formatAuthorization(reader: ByteReader): string | undefined {
  const flags = reader.u8('rdata');
  const tag = Buffer.from(reader.copy(reader.u8('rdata'), 'rdata')).toString('latin1');
  if (!TAG.test(tag)) return undefined;
  return `${flags} ${tag} ${quoteOctets(reader.copy(reader.remaining, 'rdata'))}`;
}
