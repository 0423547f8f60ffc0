// Encodes replies. Sources: RFC 1035 §4.1; RFC 6891 (EDNS); RFC 2181 §5, §9; RFC 4035 §3.1.6 (AD, CD).
//
// 1. A reply repeats the question octet for octet, with its letter case (RFC 4343 §4.1).
// 2. If answer or authority exceed the limit, both are left out and TC is set.

import { takeBytes } from '../net/byte-slab.ts';
import { ByteWriter } from '../net/byte-writer.ts';
import { FLAG, HEADER_OCTETS, OPT_OCTETS, type Query, UDP_OCTETS_MAX, writeOpt } from './message.ts';
import { isNameWithin, NameCompression } from './name.ts';
import { type DnsRecord, isCompressed, writeRdata } from './record.ts';

/** The largest UDP message without EDNS (RFC 1035 §4.2.1). */
const PLAIN_UDP_OCTETS_MAX = 512;

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

interface ReplyForm {
  /** At least 512. */
  readonly limitOctets: number;
  readonly recursionAvailable: boolean;
  /** The records' seconds in the cache, subtracted from each TTL. */
  readonly ageSeconds: number;
}

/** What the query's EDNS offers, between 512 and 1232 octets (RFC 6891 §6.2.5). */
export function udpLimit(query: Query): number {
  const offered = query.edns?.payloadOctets ?? PLAIN_UDP_OCTETS_MAX;
  return Math.min(Math.max(offered, PLAIN_UDP_OCTETS_MAX), UDP_OCTETS_MAX);
}

/** AD is always clear: Rackboot validates nothing (RFC 4035 §3.2.3). */
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
  // The OPT goes last but must fit, so its octets are reserved.
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

/** The size limit with which a reply only repeats its question and sets TC. */
export const emptyReplyOctets = (query: Query): number => HEADER_OCTETS + query.questionOctets.length + OPT_OCTETS;

/** An upper bound, with names uncompressed: a small buffer saves most of a reply's cost. */
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

  /** Returns how many were written before the first that did not fit. */
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

  /** Most owners are the question's name or an ancestor: a pointer without a look-up. */
  #writeOwner(owner: string): void {
    const question = this.#questionName;
    if (owner !== '' && isNameWithin(question, owner) && !question.includes('\\')) {
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
