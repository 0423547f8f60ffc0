// Resource records: their types, and their rdata on the wire and in memory. Sources: RFC 1035 §3.3,
// §3.4; RFC 2782; RFC 3596; RFC 3597; RFC 8482; layouts of RFC 1183, 2163, 2230, 3403, 6672.
//
// 1. Rdata is in wire form with uncompressed names, so a record fits any message.
// 2. Names in rdata are compressed only for types of RFC 1035 (RFC 3597 §4); rdata of types not
//    listed is opaque.

import { type Ipv4, ipv4 } from '../ground/address.ts';
import { copyBytes, joinBytes } from '../ground/borrowed-bytes.ts';
import { ByteReader } from '../net/byte-reader.ts';
import type { ByteWriter } from '../net/byte-writer.ts';
import { NAME_OCTETS_MAX, type NameCompression, readName, textToWire, unpackName, wireToText } from './name.ts';

/** The types named in this server. */
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  SSHFP: 44,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
  CAA: 257,
} as const;

/** The only class served. */
export const CLASS_IN = 1;

/** Aliases followed for one question; a longer chain, or a loop, is a SERVFAIL. */
export const CNAME_CHAIN_MAX = 8;

export interface DnsRecord {
  /** Lower-case text without the final dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Seconds, 0 to 2^31 - 1 (RFC 2181 §8). */
  readonly ttl: number;
  /** Wire form, with uncompressed names. */
  readonly rdata: Uint8Array;
}

/** Rdata as fixed octets, names, fixed octets: [octets before, names, octets after]. */
const LAYOUTS: ReadonlyMap<number, readonly [number, number, number]> = new Map([
  [TYPE.NS, [0, 1, 0]],
  [3, [0, 1, 0]],
  [4, [0, 1, 0]],
  [TYPE.CNAME, [0, 1, 0]],
  [TYPE.SOA, [0, 2, 20]],
  [7, [0, 1, 0]],
  [8, [0, 1, 0]],
  [9, [0, 1, 0]],
  [TYPE.PTR, [0, 1, 0]],
  [14, [0, 2, 0]],
  [TYPE.MX, [2, 1, 0]],
  [17, [0, 2, 0]],
  [18, [2, 1, 0]],
  [21, [2, 1, 0]],
  [26, [2, 2, 0]],
  [TYPE.SRV, [6, 1, 0]],
  [36, [2, 1, 0]],
  [39, [0, 1, 0]],
]);

/** RFC 3597 §4 allows more types, but compression pays off only for these. */
export const isCompressed = (type: number): boolean => type === TYPE.NS || type === TYPE.CNAME || type === TYPE.MX;

const NAPTR = 35;

const name = new Uint8Array(NAME_OCTETS_MAX + 1);

export function readRdata(reader: ByteReader, type: number, length: number): Uint8Array {
  const end = reader.offset + length;
  const layout = type === NAPTR ? naptrLayout(reader, length) : LAYOUTS.get(type);
  if (layout === undefined || length > reader.remaining) {
    const rdata = reader.copy(length, 'rdata');
    if ((type === TYPE.A && length !== 4) || (type === TYPE.AAAA && length !== 16)) reader.fail('bad-length', 'rdata');
    return rdata;
  }
  const inner = new ByteReader(reader.bytes, reader.offset, end);
  const parts: Uint8Array[] = [inner.copy(layout[0], 'rdata')];
  for (let index = 0; index < layout[1]; index += 1) {
    const octets = unpackName(inner, 'rdata', name);
    parts.push(copyBytes(name, 0, octets));
  }
  parts.push(inner.copy(layout[2], 'rdata'));
  if (inner.fault !== undefined) reader.fail(inner.fault.code, 'rdata', inner.fault.offset);
  else if (inner.remaining !== 0) reader.fail('bad-length', 'rdata', inner.offset);
  reader.skip(length, 'rdata');
  return joinBytes(parts);
}

/** RFC 3403 §4.1: order, preference, three character-strings, a name. */
function naptrLayout(reader: ByteReader, length: number): readonly [number, number, number] {
  let octets = 4;
  for (let index = 0; index < 3; index += 1) octets += 1 + (reader.bytes[reader.offset + octets] ?? 0);
  return [Math.min(octets, length), 1, 0];
}

export function writeRdata(writer: ByteWriter, compression: NameCompression, record: DnsRecord): void {
  const { rdata, type } = record;
  const layout = isCompressed(type) ? LAYOUTS.get(type) : undefined;
  if (layout === undefined) {
    writer.u16(rdata.length);
    writer.write(rdata);
    return;
  }
  const lengthAt = writer.offset;
  writer.u16(0);
  const reader = new ByteReader(rdata);
  writer.write(reader.borrow(layout[0], 'rdata'));
  for (let index = 0; index < layout[1]; index += 1) compression.write(writer, readName(reader, 'rdata'));
  writer.write(reader.borrow(layout[2], 'rdata'));
  if (!writer.overflow) writer.patchU16(lengthAt, writer.offset - lengthAt - 2);
}

export function addressRdata(address: Ipv4): Uint8Array {
  return Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address);
}

export function rdataAddress(rdata: Uint8Array): Ipv4 {
  return ipv4(new ByteReader(rdata).u32('address'));
}

/** The data of NS, CNAME or PTR; `target` must be a name. */
export function nameRdata(target: string): Uint8Array {
  const wire = textToWire(target);
  if (wire === undefined) throw new Error(`not a domain name: ${target}`);
  return wire;
}

export function decodeTarget(record: DnsRecord): string | undefined {
  const layout = LAYOUTS.get(record.type);
  if (layout === undefined || layout[1] !== 1) return undefined;
  const wire = record.rdata.subarray(layout[0]);
  return wireToText(wire, wire.length);
}

/** A zone's SOA (RFC 1035 §3.3.13); times in seconds. */
interface Soa {
  readonly mname: string;
  readonly rname: string;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

export function soaRdata(soa: Soa): Uint8Array {
  const times = Buffer.alloc(20);
  [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum].forEach((value, index) => {
    times.writeUInt32BE(value >>> 0, index * 4);
  });
  return Buffer.concat([nameRdata(soa.mname), nameRdata(soa.rname), times]);
}

/** How long a negative answer may be cached (RFC 2308 §4); 0 if the data is too short. */
export function soaMinimum(rdata: Uint8Array): number {
  if (rdata.length < 22) return 0;
  return new ByteReader(rdata, rdata.length - 4).u32('minimum');
}
