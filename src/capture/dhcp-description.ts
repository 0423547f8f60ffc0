// Describes a DHCP message for people: its fields, every option in order with its place, and its faults with their offsets.
// Sources: RFC 2131 §2, RFC 2132 §9.3 (overload), RFC 3396 (an option in several pieces).
//
// 1. Rackboot's own decoder says whether it understands the message; the walk here continues where the decoder stops.
// 2. Nothing is trusted: offsets stay within the datagram, and each byte is examined a bounded number of times.

import { counted } from '../counted.ts';
import { decodeDhcpMessage } from '../dhcp/wire/message.ts';
import { formatIpv4, ipv4 } from '../net/address.ts';
import { ByteReader } from '../net/byte-reader.ts';
import { type Description, type Field, safeText } from './description.ts';
import { formatHardware, formatOption, MESSAGE_NAMES, nameOption } from './dhcp-values.ts';

const FIXED_BYTES = 240;
const COOKIE_OFFSET = 236;
const COOKIE = 0x63825363;
const SNAME = { offset: 44, length: 64, name: 'sname' } as const;
const FILE = { offset: 108, length: 128, name: 'file' } as const;

/** True for bytes with DHCP's magic cookie, on any port. */
export const looksLikeDhcp = (bytes: Uint8Array): boolean =>
  bytes.length >= FIXED_BYTES && new ByteReader(bytes, COOKIE_OFFSET).u32('cookie') === COOKIE;

/** One option, or piece of an option, in the datagram. */
interface Piece {
  readonly code: number;
  readonly offset: number;
  readonly value: Uint8Array;
  /** The field that contains it: `options`, or `file` or `sname` with option overload. */
  readonly place: string;
}

/** Describes a message. */
export function describeDhcp(bytes: Uint8Array): Description {
  const decoded = decodeDhcpMessage(bytes);
  const fault = decoded.ok
    ? undefined
    : {
        text: `${decoded.fault.code} in ${decoded.fault.field} at byte ${decoded.fault.offset}`,
        offset: decoded.fault.offset,
      };
  const fields = headerFields(bytes);
  const pieces: Piece[] = [];
  // In a valid message without the cookie, this area holds vendor data (RFC 951 §3).
  const isBare = decoded.ok && !looksLikeDhcp(bytes);
  const overload = isBare ? 0 : walk(bytes, FIXED_BYTES, bytes.length, 'options', pieces, fields);
  const file = (overload & 1) !== 0;
  const sname = (overload & 2) !== 0;
  if (!sname) addTextField(bytes, SNAME, fields);
  if (!file) addTextField(bytes, FILE, fields);
  const extra: Field[] = [];
  if (file) walk(bytes, FILE.offset, Math.min(bytes.length, FILE.offset + FILE.length), 'file', pieces, extra);
  if (sname) walk(bytes, SNAME.offset, Math.min(bytes.length, SNAME.offset + SNAME.length), 'sname', pieces, extra);
  return {
    protocol: 'dhcp',
    summary: summarise(bytes, pieces),
    fields: [...fields, ...optionFields(pieces), ...extra],
    fault,
  };
}

function headerFields(bytes: Uint8Array): Field[] {
  const reader = new ByteReader(bytes);
  const fields: Field[] = [];
  const add = (name: string, offset: number, value: string, wrong?: string): void => {
    if (reader.fault === undefined) fields.push({ name, value, offset, ...(wrong === undefined ? {} : { wrong }) });
  };
  const op = reader.u8('op');
  add(
    'op',
    0,
    op === 1 ? 'request' : op === 2 ? 'reply' : String(op),
    op === 1 || op === 2 ? undefined : 'neither 1 nor 2',
  );
  const htype = reader.u8('htype');
  add('htype', 1, htype === 1 ? 'Ethernet' : String(htype));
  const hlen = reader.u8('hlen');
  add('hlen', 2, String(hlen), hlen > 16 ? 'over 16' : undefined);
  add('hops', 3, String(reader.u8('hops')));
  add('xid', 4, `0x${reader.u32('xid').toString(16).padStart(8, '0')}`);
  add('secs', 8, String(reader.u16('secs')));
  const flags = reader.u16('flags');
  add('flags', 10, (flags & 0x8000) === 0 ? `0x${flags.toString(16)}` : `0x${flags.toString(16)} broadcast`);
  for (const [index, name] of ['ciaddr', 'yiaddr', 'siaddr', 'giaddr'].entries()) {
    add(name, 12 + index * 4, formatIpv4(ipv4(reader.u32(name))));
  }
  add('chaddr', 28, formatHardware(reader.copy(16, 'chaddr').subarray(0, Math.min(hlen, 16))));
  reader.skip(SNAME.length + FILE.length, 'file');
  const cookie = reader.u32('cookie');
  if (reader.fault !== undefined)
    fields.push({ name: 'message', value: counted(bytes.length, 'byte'), wrong: 'truncated' });
  else if (cookie !== COOKIE) add('cookie', COOKIE_OFFSET, cookie.toString(16), 'not DHCP, perhaps BOOTP');
  return fields;
}

function addTextField(
  bytes: Uint8Array,
  { offset, length, name }: { readonly offset: number; readonly length: number; readonly name: string },
  fields: Field[],
): void {
  const field = bytes.subarray(offset, offset + length);
  const zero = field.indexOf(0);
  const text = Buffer.from(zero === -1 ? field : field.subarray(0, zero)).toString('latin1');
  if (text !== '') fields.push({ name, value: `"${safeText(text)}"`, offset });
}

/** Walks the options of one place; faults of the place itself become fields. @returns the option overload found there */
function walk(bytes: Uint8Array, start: number, end: number, place: string, pieces: Piece[], fields: Field[]): number {
  let overload = 0;
  let at = start;
  const addFault = (offset: number, wrong: string): void => void fields.push({ name: place, value: '', offset, wrong });
  while (at < end) {
    const code = bytes[at] ?? 0;
    if (code === 0) {
      at += 1;
      continue;
    }
    if (code === 255) {
      const rest = bytes.subarray(at + 1, end);
      const dirt = rest.findIndex((byte) => byte !== 0);
      if (dirt !== -1)
        addFault(at + 1 + dirt, `${counted(rest.length - dirt, 'byte')} after END; only zeros are allowed there`);
      return overload;
    }
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > end) {
      addFault(
        at,
        `option ${code} is truncated${length === undefined ? '' : `: it claims ${counted(length, 'byte')}`}`,
      );
      return overload;
    }
    const value = bytes.subarray(at + 2, at + 2 + length);
    pieces.push({ code, offset: at, value, place });
    if (code === 52 && value.length === 1 && (value[0] ?? 0) <= 3) overload = value[0] ?? 0;
    at += 2 + length;
  }
  if (end > start) addFault(end, 'no END option');
  return overload;
}

/** One field per option; the pieces of an option are joined (RFC 3396 §5). */
function optionFields(pieces: readonly Piece[]): Field[] {
  const byCode = new Map<number, Piece[]>();
  for (const piece of pieces) {
    const known = byCode.get(piece.code);
    if (known === undefined) byCode.set(piece.code, [piece]);
    else known.push(piece);
  }
  const vendor = byCode.get(60)?.[0]?.value ?? new Uint8Array(0);
  const forPxe = Buffer.from(vendor).toString('latin1').startsWith('PXEClient');
  return [...byCode].map(([code, own]) => {
    const first = own[0];
    const value =
      own.length === 1 ? (first?.value ?? new Uint8Array(0)) : Buffer.concat(own.map((piece) => piece.value));
    const places = [...new Set(own.map(({ place }) => place))];
    const where = places.length === 1 && places[0] === 'options' ? '' : ` (in ${places.join(' and ')})`;
    const pieced = own.length === 1 ? '' : ` (${own.length} pieces)`;
    return {
      name: `${nameOption(code)}${where}${pieced}`,
      offset: first?.offset,
      ...formatOption(code, value, forPxe),
    };
  });
}

function summarise(bytes: Uint8Array, pieces: readonly Piece[]): string {
  const reader = new ByteReader(bytes);
  const type = pieces.find(({ code }) => code === 53)?.value[0];
  const reply = bytes[0] === 2;
  const name =
    type === undefined ? (reply ? 'BOOTP reply' : 'BOOTP request') : (MESSAGE_NAMES.get(type) ?? `type ${type}`);
  reader.skip(4, 'header');
  const xid = reader.u32('xid').toString(16).padStart(8, '0');
  reader.skip(4, 'secs');
  const [ciaddr, yiaddr] = [reader.u32('ciaddr'), reader.u32('yiaddr')];
  reader.skip(8, 'giaddr');
  const hardware = formatHardware(reader.copy(16, 'chaddr').subarray(0, Math.min(bytes[2] ?? 0, 16)));
  if (reader.fault !== undefined) return `DHCP, truncated after ${counted(bytes.length, 'byte')}`;
  const address = reply ? yiaddr : ciaddr;
  const who = `${reply ? 'to' : 'from'} ${hardware || 'no hardware address'}`;
  return `${name} ${who}${address === 0 ? '' : `, ${formatIpv4(ipv4(address))}`}, xid ${xid}`;
}
