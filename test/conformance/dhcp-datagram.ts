// DHCP datagrams by hand: written and read here without the codec of src, so that a test sees the bytes on the wire and not
// the codec's view of them. Sources: RFC 2131 §2 and §4.1, RFC 2132 §2 and §9.3.
//
// 1. The reader is strict: it asserts the demands of RFC 2131 §4.1 on each place that holds options.
// 2. The writer writes anything, right or wrong.

import assert from 'node:assert/strict';
import { type Ipv4, ipv4, type MacAddress, macToBytes } from '../../src/ground/address.ts';

export const FIXED_BYTES = 240;
const COOKIE = [99, 130, 83, 99];
const PAD = 0;
const END = 255;
const OVERLOAD = 52;

/** An option as on the wire; a repeated one comes again. */
export type WireOption = readonly [code: number, value: readonly number[] | Uint8Array];

/** A client's message; omitted fields are zero. */
export interface ClientDatagram {
  readonly op?: number;
  readonly htype?: number;
  readonly hlen?: number;
  readonly hops?: number;
  readonly xid?: number;
  readonly secs?: number;
  readonly flags?: number;
  readonly ciaddr?: Ipv4;
  readonly giaddr?: Ipv4;
  readonly mac: MacAddress;
  readonly options: readonly WireOption[];
  /** A text, or options ended by END; option 52 is the caller's. */
  readonly sname?: string | readonly WireOption[];
  readonly file?: string | readonly WireOption[];
}

/** Writes a datagram. */
export function writeDatagram(words: ClientDatagram): Uint8Array {
  const bytes = new Uint8Array(FIXED_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set([words.op ?? 1, words.htype ?? 1, words.hlen ?? 6, words.hops ?? 0]);
  view.setUint32(4, words.xid ?? 0x0a0b0c0d);
  view.setUint16(8, words.secs ?? 0);
  view.setUint16(10, words.flags ?? 0);
  view.setUint32(12, words.ciaddr ?? 0);
  view.setUint32(24, words.giaddr ?? 0);
  bytes.set(macToBytes(words.mac), 28);
  if (words.sname !== undefined) bytes.set(fieldBytes(words.sname), 44);
  if (words.file !== undefined) bytes.set(fieldBytes(words.file), 108);
  bytes.set(COOKIE, 236);
  return Uint8Array.from([...bytes, ...writeOptions(words.options)]);
}

const fieldBytes = (field: string | readonly WireOption[]): ArrayLike<number> =>
  typeof field === 'string' ? Buffer.from(field, 'latin1') : writeOptions(field);

const writeOptions = (options: readonly WireOption[]): readonly number[] => [
  ...options.flatMap(([code, value]) => (code === PAD || code === END ? [code] : [code, value.length, ...value])),
  END,
];

/** A datagram of a server, taken apart. */
export interface ServerDatagram {
  readonly bytes: Uint8Array;
  readonly op: number;
  readonly htype: number;
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  readonly chaddr: readonly number[];
  /** As they lie in the option field, in `file` and in `sname`, in this order. */
  readonly pieces: readonly WirePiece[];
  /** Joined by code, in the order of their first piece (RFC 3396 §5). */
  readonly options: ReadonlyMap<number, readonly number[]>;
  /** The fields where they hold no options, without what follows their first zero byte. */
  readonly sname: string;
  readonly file: string;
}

interface WirePiece {
  readonly place: 'options' | 'file' | 'sname';
  readonly code: number;
  readonly value: readonly number[];
}

/** Reads a datagram that a server sent; throws where it is not built as RFC 2131 §4.1 demands. */
export function readDatagram(bytes: Uint8Array): ServerDatagram {
  assert.ok(bytes.length >= 300, `a reply of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  assert.deepEqual([...bytes.subarray(236, FIXED_BYTES)], COOKIE, 'the magic cookie');
  const main = readPlace(bytes, FIXED_BYTES, bytes.length, 'options');
  const overload = main.find(({ code }) => code === OVERLOAD)?.value ?? [0];
  const [used = 0] = overload;
  assert.ok(overload.length === 1 && used <= 3, `option 52 is ${overload}`);
  const file = (used & 1) === 0 ? [] : readPlace(bytes, 108, 236, 'file');
  const sname = (used & 2) === 0 ? [] : readPlace(bytes, 44, 108, 'sname');
  assert.ok(![...file, ...sname].some(({ code }) => code === OVERLOAD), 'option 52 lies in the option field alone');
  const pieces = [...main, ...file, ...sname];
  const options = new Map<number, readonly number[]>();
  for (const { code, value } of pieces) options.set(code, [...(options.get(code) ?? []), ...value]);
  options.delete(OVERLOAD);
  return {
    bytes,
    op: at(bytes, 0),
    htype: at(bytes, 1),
    hlen: at(bytes, 2),
    hops: at(bytes, 3),
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    flags: view.getUint16(10),
    ciaddr: ipv4(view.getUint32(12)),
    yiaddr: ipv4(view.getUint32(16)),
    siaddr: ipv4(view.getUint32(20)),
    giaddr: ipv4(view.getUint32(24)),
    chaddr: [...bytes.subarray(28, 44)],
    pieces,
    options,
    sname: (used & 2) === 0 ? textAt(bytes, 44, 64) : '',
    file: (used & 1) === 0 ? textAt(bytes, 108, 128) : '',
  };
}

/** RFC 2131 §4.1: options begin with the first byte of their place, are whole in it, end with END, and PAD fills the rest. */
function readPlace(bytes: Uint8Array, from: number, to: number, place: WirePiece['place']): readonly WirePiece[] {
  const pieces: WirePiece[] = [];
  let offset = from;
  while (offset < to && at(bytes, offset) !== END) {
    const code = at(bytes, offset);
    assert.notEqual(code, PAD, `PAD between the options of ${place}`);
    const end = offset + 2 + at(bytes, offset + 1);
    assert.ok(offset + 1 < to && end <= to, `option ${code} runs out of ${place}`);
    pieces.push({ place, code, value: [...bytes.subarray(offset + 2, end)] });
    offset = end;
  }
  assert.ok(offset < to, `${place} ends without END`);
  assert.ok(
    bytes.subarray(offset + 1, to).every((byte) => byte === PAD),
    `after END, ${place} has only PAD`,
  );
  return pieces;
}

const at = (bytes: Uint8Array, offset: number): number => bytes[offset] ?? -1;

function textAt(bytes: Uint8Array, offset: number, length: number): string {
  const text = Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1');
  const zero = text.indexOf('\0');
  return zero === -1 ? text : text.slice(0, zero);
}

/** A number of an option, most significant byte first; undefined: absent. */
export function numberOf(datagram: ServerDatagram, code: number): number | undefined {
  return datagram.options.get(code)?.reduce((number, byte) => number * 256 + byte, 0);
}
