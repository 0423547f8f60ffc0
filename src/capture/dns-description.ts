// Describes a DNS message for people, in the notation of master files. Sources: RFC 1035 §4, §5.1; RFC 3597; RFC 6891.

import { decodeMessage, FLAG, type Message, RCODE } from '../dns/message.ts';
import { CLASS_IN, type DnsRecord, TYPE } from '../dns/record.ts';
import { formatRdata } from '../dns/record-text.ts';
import { type Description, type Field, hexText, safeText } from './description.ts';

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(TYPE).map(([name, code]): [number, string] => [code, name]),
  [43, 'DS'],
  [46, 'RRSIG'],
  [47, 'NSEC'],
  [48, 'DNSKEY'],
  [50, 'NSEC3'],
  [64, 'SVCB'],
  [65, 'HTTPS'],
  [257, 'CAA'],
]);
const RCODE_NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(RCODE).map(([name, code]): [number, string] => [code, name]),
  [6, 'YXDOMAIN'],
  [9, 'NOTAUTH'],
]);
/** The most records shown per section. */
const RECORDS_MAX = 64;

export const typeName = (type: number): string => TYPE_NAMES.get(type) ?? `TYPE${type}`;
export const rcodeName = (rcode: number): string => RCODE_NAMES.get(rcode) ?? `RCODE${rcode}`;

/** Describes a message. */
export function describeDns(bytes: Uint8Array): Description {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) {
    const { code, field, offset } = decoded.fault;
    return {
      protocol: 'dns',
      summary: 'malformed DNS message',
      fields: [{ name: 'bytes', value: hexText(bytes) }],
      fault: { text: `${code} in ${field} at byte ${offset}`, offset },
    };
  }
  const message = decoded.value;
  const { id, answers, authority, additional, edns } = message;
  const fields: Field[] = [
    { name: 'id', value: String(id) },
    { name: 'flags', value: flagNames(message.flags) },
    ...section('answer', answers),
    ...section('authority', authority),
    ...section('additional', additional),
  ];
  if (edns !== undefined) {
    const { payloadOctets, version, dnssecOk } = edns;
    fields.push({ name: 'EDNS', value: `version ${version}, UDP up to ${payloadOctets}${dnssecOk ? ', DO' : ''}` });
  }
  return { protocol: 'dns', summary: summariseDns(message), fields, fault: undefined };
}

/** Summarises a message in one line. */
export function summariseDns(message: Message): string {
  const asked = message.questions
    .map(
      ({ name, type, class: klass }) =>
        `${showName(name)} ${klass === CLASS_IN ? '' : `CLASS${klass} `}${typeName(type)}`,
    )
    .join(', ');
  if ((message.flags & FLAG.QR) === 0) return `query ${asked}`;
  const first = message.answers.slice(0, 3).map(({ type, rdata }) => `${typeName(type)} ${formatRdata(type, rdata)}`);
  const more = message.answers.length > 3 ? ` and ${message.answers.length - 3} more` : '';
  return `${rcodeName(message.rcode)} to ${asked}${first.length === 0 ? '' : `: ${first.join(', ')}${more}`}`;
}

function flagNames(flags: number): string {
  const names = Object.entries(FLAG).flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name]));
  const opcode = (flags >>> 11) & 15;
  return [...names, ...(opcode === 0 ? [] : [`opcode ${opcode}`])].join(' ') || 'none';
}

function section(name: string, records: readonly DnsRecord[]): Field[] {
  const fields = records
    .slice(0, RECORDS_MAX)
    .map((record): Field => ({ name, value: `${showName(record.name)} ${record.ttl} ${recordText(record)}` }));
  if (records.length > RECORDS_MAX) fields.push({ name, value: `and ${records.length - RECORDS_MAX} more` });
  return fields;
}

const recordText = ({ type, rdata }: DnsRecord): string => `${typeName(type)} ${safeText(formatRdata(type, rdata))}`;

const showName = (name: string): string => (name === '' ? '.' : `${safeText(name)}.`);
