// Decodes DNS messages, and encodes questions to upstreams (`reply.ts`: replies). The header is
// checked before anything is spent on the body. Sources: RFC 1035 §4.1; RFC 6891 (EDNS); RFC 2181
// §8; RFC 7873 (cookies) is not offered.
//
// Decoding never throws and reads each octet a few times at most. A response is never answered.

import { type BorrowedBytes, copyBytes } from '../ground/borrowed-bytes.ts';
import { ByteReader, type Decoded } from '../net/byte-reader.ts';
import { ByteWriter } from '../net/byte-writer.ts';
import { NameCompression, readName } from './name.ts';
import { CLASS_IN, type DnsRecord, readRdata, TYPE } from './record.ts';

/** Response codes (RFC 1035 §4.1.1, RFC 6891 §9). */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;

export const HEADER_OCTETS = 12;
/** The largest UDP message: within IPv6's minimum MTU, so never fragmented (DNS flag day 2020). */
export const UDP_OCTETS_MAX = 1232;
export const TCP_OCTETS_MAX = 65535;

export const FLAG = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020, CD: 0x0010 } as const;
const OPCODE_MASK = 0x7800;
const EDNS_DO = 0x8000;
export const OPT_OCTETS = 11;
const TTL_MAX = 0x7fffffff;

interface Question {
  /** Lower-case text. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

/** The OPT pseudo-record (RFC 6891 §6.1). */
interface Edns {
  /** The largest UDP message the sender accepts; may be below 512. */
  readonly payloadOctets: number;
  readonly extendedRcode: number;
  readonly version: number;
  readonly dnssecOk: boolean;
}

export interface Query {
  readonly id: number;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  readonly question: Question;
  /** A copy of the question section as received. */
  readonly questionOctets: Uint8Array;
  readonly edns: Edns | undefined;
}

/** A received message: a query, one to reject with an rcode, or one to ignore. */
type Received =
  | { readonly kind: 'query'; readonly query: Query }
  | { readonly kind: 'reject'; readonly rcode: number; readonly bytes: Uint8Array }
  | { readonly kind: 'ignore'; readonly reason: 'short' | 'response' };

/** Decodes a message received on the server's port. */
export function receiveQuery(bytes: BorrowedBytes): Received {
  if (bytes.length < HEADER_OCTETS) return { kind: 'ignore', reason: 'short' };
  const flags = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
  if ((flags & FLAG.QR) !== 0) return { kind: 'ignore', reason: 'response' };
  if ((flags & OPCODE_MASK) !== 0) return reject(bytes, RCODE.NOTIMP);
  const query = decodeQuery(bytes);
  return query.ok ? { kind: 'query', query: query.value } : reject(bytes, RCODE.FORMERR);
}

/**
 * A rejection is a header alone, with the request's id and opcode, and a QUERY's RD and CD. Under
 * other opcodes those bits have an unknown meaning. BIND's `dns_message_reply` does the same, and
 * ISC's `genreport` (probe `opcodeflg`) reports every flag that comes back.
 */
function reject(bytes: BorrowedBytes, rcode: number): Received {
  const isQuery = ((bytes[2] ?? 0) & (OPCODE_MASK >>> 8)) === 0;
  const repeated = ((OPCODE_MASK | (isQuery ? FLAG.RD : 0)) >>> 8) & (bytes[2] ?? 0);
  const reply = new Uint8Array(HEADER_OCTETS);
  reply[0] = bytes[0] ?? 0;
  reply[1] = bytes[1] ?? 0;
  reply[2] = (FLAG.QR >>> 8) | repeated;
  reply[3] = rcode | (isQuery ? (bytes[3] ?? 0) & FLAG.CD : 0);
  return { kind: 'reject', rcode, bytes: reply };
}

/**
 * Decodes a query: one question, no answers, at most one OPT among the additional records, nothing
 * after. Faults: of names and lengths, and `bad-value` for counts that no query has.
 */
export function decodeQuery(bytes: BorrowedBytes): Decoded<Query> {
  const reader = new ByteReader(bytes);
  const id = reader.u16('id');
  const flags = reader.u16('flags');
  if (reader.u16('qdcount') !== 1) reader.fail('bad-value', 'qdcount', 4);
  if (reader.u16('ancount') !== 0) reader.fail('bad-value', 'ancount', 6);
  const others = reader.u16('nscount');
  const additional = reader.u16('arcount');
  const question = readQuestion(reader);
  const questionOctets = copyBytes(bytes, HEADER_OCTETS, reader.offset);
  // An IXFR carries its SOA in the authority section (RFC 1995 §3): the query is refused for its type.
  let edns: Edns | undefined;
  for (let index = 0; index < others + additional && reader.fault === undefined; index += 1) {
    const option = skipRecord(reader);
    if (option === undefined) continue;
    if (edns !== undefined || index < others) reader.fail('bad-value', 'opt');
    edns = option;
  }
  if (reader.remaining > 0) reader.fail('bad-length', 'trailing');
  return reader.done({
    id,
    recursionDesired: (flags & FLAG.RD) !== 0,
    checkingDisabled: (flags & FLAG.CD) !== 0,
    question,
    questionOctets,
    edns,
  });
}

function readQuestion(reader: ByteReader): Question {
  return { name: readName(reader, 'qname'), type: reader.u16('qtype'), class: reader.u16('qclass') };
}

/** Skips one record; returns an OPT. */
function skipRecord(reader: ByteReader): Edns | undefined {
  const owner = readName(reader, 'owner');
  const type = reader.u16('type');
  const klass = reader.u16('class');
  const ttl = reader.u32('ttl');
  reader.skip(reader.u16('rdlength'), 'rdata');
  if (type !== TYPE.OPT) return undefined;
  if (owner !== '') reader.fail('bad-value', 'opt owner');
  return readEdns(klass, ttl);
}

const readEdns = (klass: number, ttl: number): Edns => ({
  payloadOctets: klass,
  extendedRcode: ttl >>> 24,
  version: (ttl >>> 16) & 0xff,
  dnssecOk: (ttl & EDNS_DO) !== 0,
});

export interface Message {
  readonly id: number;
  readonly flags: number;
  /** Including the extension by EDNS, 0 to 4095. */
  readonly rcode: number;
  readonly questions: readonly Question[];
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  /** Without the OPT. */
  readonly additional: readonly DnsRecord[];
  readonly edns: Edns | undefined;
}

/** Decodes a whole message. Faults: of names, lengths and counts, and `bad-length` for trailing octets. */
export function decodeMessage(bytes: BorrowedBytes): Decoded<Message> {
  const reader = new ByteReader(bytes);
  const id = reader.u16('id');
  const flags = reader.u16('flags');
  const counts = [reader.u16('qdcount'), reader.u16('ancount'), reader.u16('nscount'), reader.u16('arcount')] as const;
  const questions: Question[] = [];
  for (let index = 0; index < counts[0] && reader.fault === undefined; index += 1) questions.push(readQuestion(reader));
  const answers = readRecords(reader, counts[1]);
  const authority = readRecords(reader, counts[2]);
  const all = readRecords(reader, counts[3]);
  const opt = all.find((record) => record.type === TYPE.OPT);
  if (reader.remaining > 0) reader.fail('bad-length', 'trailing');
  const edns = opt === undefined ? undefined : readEdns(opt.class, opt.ttl);
  return reader.done({
    id,
    flags,
    rcode: (flags & 15) | ((edns?.extendedRcode ?? 0) << 4),
    questions,
    answers,
    authority,
    additional: opt === undefined ? all : all.filter((record) => record.type !== TYPE.OPT),
    edns,
  });
}

function readRecords(reader: ByteReader, count: number): DnsRecord[] {
  const records: DnsRecord[] = [];
  // A false count runs into the end of the message.
  for (let index = 0; index < count && reader.fault === undefined; index += 1) {
    const name = readName(reader, 'owner');
    const type = reader.u16('type');
    const klass = reader.u16('class');
    const ttl = reader.u32('ttl');
    const rdata = readRdata(reader, type, reader.u16('rdlength'));
    // RFC 2181 §8: a TTL with the highest bit set counts as zero. An OPT uses the field otherwise.
    records.push({ name, type, class: klass, ttl: type !== TYPE.OPT && ttl > TTL_MAX ? 0 : ttl, rdata });
  }
  return records;
}

export interface UpstreamQuestion {
  readonly name: string;
  readonly type: number;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  /** False if the server does not understand EDNS (RFC 6891 §6.2.2). */
  readonly edns: boolean;
}

/** Encodes a recursive question to an upstream. */
export function encodeUpstreamQuery(id: number, question: UpstreamQuestion): Uint8Array {
  const writer = new ByteWriter(HEADER_OCTETS + 260 + OPT_OCTETS);
  writer.u16(id);
  writer.u16(FLAG.RD | (question.checkingDisabled ? FLAG.CD : 0));
  writer.u16(1);
  writer.u32(0);
  writer.u16(question.edns ? 1 : 0);
  new NameCompression().write(writer, question.name);
  writer.u16(question.type);
  writer.u16(CLASS_IN);
  if (question.edns) writeOpt(writer, 0, question.dnssecOk);
  return writer.finish();
}

/** Writes an OPT for at most 1232 octets. */
export function writeOpt(writer: ByteWriter, rcode: number, dnssecOk: boolean): void {
  writer.u8(0);
  writer.u16(TYPE.OPT);
  writer.u16(UDP_OCTETS_MAX);
  writer.u32((((rcode >>> 4) << 24) | (dnssecOk ? EDNS_DO : 0)) >>> 0);
  writer.u16(0);
}
