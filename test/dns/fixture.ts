// A small site for the tests of this room, and functions that write messages.

import type { DnsConfig } from '../../src/dns/config.ts';
import { HEADER_OCTETS, type Message } from '../../src/dns/message.ts';
import { NameCompression, textToWire } from '../../src/dns/name.ts';
import { type DnsRecord, TYPE, writeRdata } from '../../src/dns/record.ts';
import { formatRdata, parseRdata, RECORD_TYPE_NUMBERS, type RecordTypeName } from '../../src/dns/record-text.ts';
import type { DnsServer } from '../../src/dns/server.ts';
import { type Ipv4Network, parseNetwork } from '../../src/ground/address.ts';
import { RackError } from '../../src/ground/errors.ts';
import { ByteWriter } from '../../src/net/byte-writer.ts';
import { ip } from '../support/lab-facts.ts';

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(TYPE).map(([name, number]) => [number, name]));

/** The mnemonic of a type, or `TYPE123` (RFC 3597 §5). */
const formatType = (type: number): string => TYPE_NAMES.get(type) ?? `TYPE${type}`;

export function net(text: string): Ipv4Network {
  const network = parseNetwork(text);
  if (network === undefined) throw new Error(`not a network: ${text}`);
  return network;
}

export const SITE: DnsConfig = {
  listen: [],
  listenPort: 53,
  domains: ['maas', 'lab.example'],
  reverseNetworks: [net('10.20.0.0/24')],
  generated: [{ range: { low: ip('10.20.0.100'), high: ip('10.20.0.199') }, domain: 'maas' }],
  upstream: [],
  records: [],
  clients: [net('10.20.0.0/24'), net('127.0.0.0/8')],
  selfAddresses: [ip('10.20.0.1')],
  selfName: 'rack-1',
};

/** A record from its text. */
export function record(name: string, type: RecordTypeName, data: string, ttl = 300): DnsRecord {
  const rdata = parseRdata(type, data);
  if (rdata === undefined) throw new Error(`not ${type} data: ${data}`);
  return { name, type: RECORD_TYPE_NUMBERS[type], class: 1, ttl, rdata };
}

/** A record as a line: name, TTL, type, data. */
export function line({ name, ttl, type, rdata }: DnsRecord): string {
  return `${name === '' ? '.' : name} ${ttl} ${formatType(type)} ${formatRdata(type, rdata)}`;
}

export const lines = (records: readonly DnsRecord[]): string[] => records.map(line);

export interface QueryParts {
  readonly id?: number;
  readonly flags?: number;
  readonly class?: number;
  readonly edns?: { readonly payload?: number; readonly version?: number; readonly dnssecOk?: boolean };
}

/** A client's query; keeps the case of the name. */
export function queryBytes(name: string, type: number, parts: QueryParts = {}): Uint8Array {
  const writer = new ByteWriter(600);
  writer.u16(parts.id ?? 0x1234);
  writer.u16(parts.flags ?? 0x0100);
  writer.u16(1);
  writer.u32(0);
  writer.u16(parts.edns === undefined ? 0 : 1);
  writer.write(textToWire(name) ?? new Uint8Array(1));
  writer.u16(type);
  writer.u16(parts.class ?? 1);
  if (parts.edns !== undefined) {
    writer.u8(0);
    writer.u16(TYPE.OPT);
    writer.u16(parts.edns.payload ?? 4096);
    writer.u32(((parts.edns.version ?? 0) << 16) | (parts.edns.dnssecOk === true ? 0x8000 : 0));
    writer.u16(0);
  }
  return writer.finish();
}

/** An upstream's reply to a query: the same id and question, other flags and records. */
export function replyTo(query: Uint8Array, flags: number, parts: Partial<Message>): Uint8Array {
  const writer = new ByteWriter(65535);
  const sections = [parts.answers ?? [], parts.authority ?? [], parts.additional ?? []];
  let end = HEADER_OCTETS;
  while ((query[end] ?? 0) !== 0) end += (query[end] ?? 0) + 1;
  writer.write(query.subarray(0, 2));
  writer.u16(0x8180 | flags);
  writer.u16(1);
  for (const section of sections) writer.u16(section.length);
  writer.write(query.subarray(HEADER_OCTETS, end + 5));
  const compression = new NameCompression();
  for (const entry of sections.flat()) {
    compression.write(writer, entry.name);
    writer.u16(entry.type);
    writer.u16(entry.class);
    writer.u32(entry.ttl);
    writeRdata(writer, compression, entry);
  }
  return writer.finish();
}

const PORTS_TRIED_MAX = 10;

/** Configures a server on a port chosen by the system, which chooses for UDP: over TCP the port may be taken. */
export async function configureAnywhere(server: DnsServer, config: DnsConfig): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    try {
      await server.configure(config);
      return;
    } catch (error) {
      const isTaken = error instanceof RackError && error.code === 'address-in-use';
      if (!isTaken || tried === PORTS_TRIED_MAX) throw error;
    }
  }
}
