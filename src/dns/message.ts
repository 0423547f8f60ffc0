// The codec of DNS messages. It checks the twelve octets of the header before it spends anything on the body.
// Sources: RFC 1035 §4.1; RFC 6891 (EDNS); RFC 2181 §5, §8, §9; RFC 4035 §3.1.6 (AD, CD); RFC 7873 (cookies) is not offered.
//
// 1. Decoding never throws and reads each octet a few times at most. A response is never answered.
// 2. A reply repeats the question octet for octet, so the client's letter case survives (RFC 4343 §4.1).
// 3. A reply never exceeds its limit: if answer or authority do not fit, the reply leaves both out and sets TC.

import { type BorrowedBytes, copyBytes } from '../net/borrowed-bytes.ts';
import { ByteReader, type Decoded } from '../net/byte-reader.ts';
import { takeBytes } from '../net/byte-slab.ts';
import { ByteWriter } from '../net/byte-writer.ts';
import { isWithin, NameCompression, readName } from './name.ts';
import { CLASS_IN, type DnsRecord, isCompressed, readRdata, TYPE, writeRdata } from './record.ts';

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

/** Octets of a header. */
export const HEADER_OCTETS = 12;
/** The largest UDP message without EDNS (RFC 1035 §4.2.1). */
const PLAIN_UDP_OCTETS_MAX = 512;
/** The largest UDP message sent or requested: it fits IPv6's minimum MTU, so it is never fragmented (DNS flag day 2020). */
export const UDP_OCTETS_MAX = 1232;
/** The largest message over TCP. */
export const TCP_OCTETS_MAX = 65535;

export const FLAG = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020, CD: 0x0010 } as const;
const OPCODE_MASK = 0x7800;
const EDNS_DO = 0x8000;
const TTL_MAX = 0x7fffffff;

export interface Question {
  /** Lower-case text. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

/** The OPT pseudo-record (RFC 6891 §6.1). */
export interface Edns {
  /** The largest UDP message the sender accepts, as written; it may be less than 512. */
  readonly payloadOctets: number;
  readonly extendedRcode: number;
  readonly version: number;
  readonly dnssecOk: boolean;
}

/** A query sent to this server. */
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
export type Received =
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
 * A rejection: a header alone. Only the request's id and opcode are trusted. A rejected QUERY also gets RD and CD back, as every reply to a
 * query does; under other opcodes these bits mean something unknown, so none is repeated. BIND's `dns_message_reply` does the same, and
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
 * Decodes a query: one question, no answers, at most one OPT among the additional records, and nothing after them.
 * Faults: those of names and lengths, and `bad-value` for counts that no query has.
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
  // An IXFR carries its SOA in the authority section (RFC 1995 §3): it is skipped here, and the query refused for its type.
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

/** Skips one record; returns it if it is an OPT. */
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

/** A whole message from an upstream. */
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

/** Decodes a whole message. Faults: those of names, lengths and counts, and `bad-length` for trailing octets. */
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
  // A record has at least eleven octets, so a false count runs into the end of the message.
  for (let index = 0; index < count && reader.fault === undefined; index += 1) {
    const name = readName(reader, 'owner');
    const type = reader.u16('type');
    const klass = reader.u16('class');
    const ttl = reader.u32('ttl');
    const rdata = readRdata(reader, type, reader.u16('rdlength'));
    // RFC 2181 §8: a TTL with the highest bit set counts as zero. An OPT uses the field for other bits.
    records.push({ name, type, class: klass, ttl: type !== TYPE.OPT && ttl > TTL_MAX ? 0 : ttl, rdata });
  }
  return records;
}

/** The content of a reply. */
export interface Reply {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
}

const NONE: readonly DnsRecord[] = [];

/** A reply without records. */
export const bareReply = (rcode: number): Reply => ({
  rcode,
  authoritative: false,
  answers: NONE,
  authority: NONE,
  additional: NONE,
});

/** How to encode a reply. */
export interface ReplyForm {
  /** The most octets, at least 512. */
  readonly limitOctets: number;
  readonly recursionAvailable: boolean;
  /** How many seconds the records were in the cache; subtracted from each TTL. */
  readonly ageSeconds: number;
}

/** The largest UDP reply to this query, in octets: what its EDNS offers, between 512 and 1232 (RFC 6891 §6.2.5). */
export function udpLimit(query: Query): number {
  const offered = query.edns?.payloadOctets ?? PLAIN_UDP_OCTETS_MAX;
  return Math.min(Math.max(offered, PLAIN_UDP_OCTETS_MAX), UDP_OCTETS_MAX);
}

/** Encodes a reply. AD is always clear, because Rackboot validates nothing (RFC 4035 §3.2.3). */
export function encodeReply(query: Query, reply: Reply, form: ReplyForm): Uint8Array {
  const { edns, question } = query;
  const writer = new ByteWriter(takeBytes(Math.min(form.limitOctets, octetsAtMost(query, reply))));
  let flags = FLAG.QR | (reply.rcode & 15);
  if (reply.authoritative) flags |= FLAG.AA;
  if (query.recursionDesired) flags |= FLAG.RD;
  if (form.recursionAvailable) flags |= FLAG.RA;
  if (query.checkingDisabled) flags |= FLAG.CD;
  writer.u16(query.id);
  writer.u16(flags);
  writer.u16(1);
  writer.zeros(6);
  writer.write(query.questionOctets);
  // The OPT goes last but must always fit, so its octets are reserved.
  const limit = form.limitOctets - (edns === undefined ? 0 : OPT_OCTETS);
  const body = new RecordWriter(writer, question.name, limit, form.ageSeconds);
  const bodyAt = writer.offset;
  let counts = { answers: body.write(reply.answers), authority: body.write(reply.authority), additional: 0 };
  if (counts.answers < reply.answers.length || counts.authority < reply.authority.length) {
    writer.rewind(bodyAt);
    flags |= FLAG.TC;
    counts = { answers: 0, authority: 0, additional: 0 };
  } else {
    counts.additional = body.write(reply.additional);
  }
  writer.patchU16(2, flags);
  writer.patchU16(6, counts.answers);
  writer.patchU16(8, counts.authority);
  writer.patchU16(10, counts.additional + (edns === undefined ? 0 : 1));
  if (edns !== undefined) writeOpt(writer, reply.rcode, edns.dnssecOk);
  return writer.finish();
}

const OPT_OCTETS = 11;

/** The size of a reply without records: encoded with this limit, a reply repeats its question and sets TC. */
export const emptyReplyOctets = (query: Query): number => HEADER_OCTETS + query.questionOctets.length + OPT_OCTETS;

/** An upper bound of a reply's octets: its names uncompressed. A buffer no larger than needed saves most of a reply's cost. */
function octetsAtMost(query: Query, { answers, authority, additional }: Reply): number {
  const fixed = HEADER_OCTETS + query.questionOctets.length + OPT_OCTETS;
  return fixed + recordOctets(answers) + recordOctets(authority) + recordOctets(additional);
}

function recordOctets(records: readonly DnsRecord[]): number {
  let octets = 0;
  for (let index = 0; index < records.length; index += 1) {
    const record = records[index];
    if (record !== undefined) octets += record.name.length + 12 + record.rdata.length;
  }
  return octets;
}

function writeOpt(writer: ByteWriter, rcode: number, dnssecOk: boolean): void {
  writer.u8(0);
  writer.u16(TYPE.OPT);
  writer.u16(UDP_OCTETS_MAX);
  writer.u32((((rcode >>> 4) << 24) | (dnssecOk ? EDNS_DO : 0)) >>> 0);
  writer.u16(0);
}

/** Writes records until one does not fit. */
class RecordWriter {
  readonly #writer: ByteWriter;
  readonly #questionName: string;
  readonly #limit: number;
  readonly #age: number;
  #compression: NameCompression | undefined;

  constructor(writer: ByteWriter, questionName: string, limit: number, ageSeconds: number) {
    this.#writer = writer;
    this.#questionName = questionName;
    this.#limit = limit;
    this.#age = ageSeconds;
  }

  /** Returns how many records were written: all, or those before the first that did not fit. */
  write(records: readonly DnsRecord[]): number {
    const writer = this.#writer;
    for (let index = 0; index < records.length; index += 1) {
      const record = records[index];
      if (record === undefined) break;
      const start = writer.offset;
      this.#writeOwner(record.name);
      writer.u16(record.type);
      writer.u16(record.class);
      writer.u32(record.ttl > this.#age ? record.ttl - this.#age : 0);
      if (isCompressed(record.type)) writeRdata(writer, this.#names(), record);
      else {
        writer.u16(record.rdata.length);
        writer.write(record.rdata);
      }
      if (writer.overflow || writer.offset > this.#limit) {
        writer.rewind(start);
        this.#compression?.forgetFrom(start);
        return index;
      }
    }
    return records.length;
  }

  /** Writes an owner name. Most are the question's name or an ancestor (a zone), for which a pointer needs no look-up. */
  #writeOwner(owner: string): void {
    const question = this.#questionName;
    if (owner !== '' && isWithin(question, owner) && !question.includes('\\')) {
      this.#writer.u16(0xc000 | (HEADER_OCTETS + question.length - owner.length));
    } else this.#names().write(this.#writer, owner);
  }

  #names(): NameCompression {
    if (this.#compression === undefined) {
      this.#compression = new NameCompression();
      this.#compression.remember(this.#questionName, HEADER_OCTETS);
    }
    return this.#compression;
  }
}

/** A question to an upstream. */
export interface UpstreamQuestion {
  readonly name: string;
  readonly type: number;
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  /** False for a server that does not understand EDNS (RFC 6891 §6.2.2). */
  readonly edns: boolean;
}

/** Encodes a recursive question to an upstream, asking for UDP messages of at most 1232 octets. */
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
