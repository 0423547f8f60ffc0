// Compares two answers to the same query. Pure.

import type { DhcpMessage } from '../dhcp/wire/message.ts';
import { findOption } from '../dhcp/wire/option-table.ts';
import { FLAG, type Message, RCODE } from '../dns/message.ts';
import { type DnsRecord, TYPE } from '../dns/record.ts';
import { formatRdata } from '../dns/record-text.ts';
import { formatIpv4, ipv4 } from '../ground/address.ts';
import { cleanText, isPrintable } from '../ground/clean-text.ts';

/** One difference. */
export interface Difference {
  readonly what: string;
  /** The answer now; `none` if there is none. */
  readonly now: string;
  readonly captured: string;
}

/**
 * - `same`, `differs`: both answered.
 * - `only-now`, `only-captured`: one of them answered.
 * - `unanswered`: neither answered.
 */
export type Verdict = 'same' | 'differs' | 'only-now' | 'only-captured' | 'unanswered';

/** One replayed query of the capture. */
export interface ReplayedQuery {
  readonly number: number;
  readonly atMs: number;
  readonly protocol: 'dhcp' | 'tftp' | 'dns';
  readonly from: string;
  readonly to: string;
  readonly query: string;
  /** The decision now: a stable word. */
  readonly decision: string;
  /** The decision and its reason, for people. */
  readonly text: string;
  /** The captured answer; undefined if there is none. */
  captured: string | undefined;
  verdict: Verdict;
  differences: readonly Difference[];
}

export function judgeReplay(
  hasPresentAnswer: boolean,
  hasCapturedAnswer: boolean,
  differences: readonly Difference[],
): Verdict {
  if (hasPresentAnswer && hasCapturedAnswer) return differences.length === 0 ? 'same' : 'differs';
  if (hasPresentAnswer) return 'only-now';
  return hasCapturedAnswer ? 'only-captured' : 'unanswered';
}

const NONE = 'none';

/** The fields of two answers that differ. */
const listDifferingFields = (fields: readonly (readonly [what: string, now: string, captured: string])[]) =>
  fields.flatMap(([what, now, captured]): readonly Difference[] => (now === captured ? [] : [{ what, now, captured }]));

/** Compares two DHCP replies: the fields that a client acts on, and every option. */
export function compareDhcp(now: DhcpMessage, captured: DhcpMessage): readonly Difference[] {
  const codes = [...new Set([...now.options.keys(), ...captured.options.keys()])].toSorted((a, b) => a - b);
  return listDifferingFields([
    ...(['yiaddr', 'siaddr', 'ciaddr', 'giaddr'] as const).map(
      (name) => [name, formatIpv4(now[name]), formatIpv4(captured[name])] as const,
    ),
    ...(['sname', 'file'] as const).map((name) => [name, quoteText(now[name]), quoteText(captured[name])] as const),
    ...codes.map((code) => {
      const name = `${code} ${findOption(code)?.label ?? 'unknown'}`;
      return [name, optionText(code, now.options.get(code)), optionText(code, captured.options.get(code))] as const;
    }),
  ]);
}

const quoteText = (text: string): string => (text === '' ? NONE : `"${cleanText(text)}"`);

/** The size of each number type, in bytes. */
const NUMBER_BYTES: Readonly<Record<string, number>> = { u8: 1, u16: 2, 'u16-list': 2, u32: 4, i32: 4 };

/** The value of an option: addresses, numbers and text as such, everything else as hexadecimal digits. */
function optionText(code: number, value: Uint8Array | undefined): string {
  if (value === undefined) return NONE;
  const type = findOption(code)?.type ?? 'hex';
  const bytes = Buffer.from(value);
  const formatNumbers = (size: number, format: (number: number) => string): string =>
    Array.from({ length: bytes.length / size }, (_, index) => format(bytes.readUIntBE(index * size, size))).join(', ');
  if (/^ip(?:-|$)/.test(type) && bytes.length % 4 === 0) return formatNumbers(4, (number) => formatIpv4(ipv4(number)));
  const size = NUMBER_BYTES[type];
  if (size !== undefined && bytes.length % size === 0) return formatNumbers(size, String);
  const text = bytes.toString('latin1');
  return type === 'text' && isPrintable(text) ? quoteText(text) : bytes.toString('hex');
}

const findCodeName = (table: Readonly<Record<string, number>>, code: number, unknownPrefix: string): string =>
  Object.entries(table).find(([, entryCode]) => entryCode === code)?.[0] ?? `${unknownPrefix}${code}`;

/**
 * Summarises a message in one line: its questions and, for an answer, its code and first records.
 */
export function summariseDns({ questions, flags, rcode, answers }: Message): string {
  const questionText = questions
    .map(({ name, type }) => `${cleanText(name)}. ${findCodeName(TYPE, type, 'TYPE')}`)
    .join(', ');
  if ((flags & FLAG.QR) === 0) return `query ${questionText}`;
  const first = answers.slice(0, 3).map(formatTypedData);
  const more = answers.length > 3 ? ` and ${answers.length - 3} more` : '';
  return `${findCodeName(RCODE, rcode, 'RCODE')} to ${questionText}${first.length === 0 ? '' : `: ${first.join(', ')}${more}`}`;
}

/** Records as one text, independent of their order and TTL. */
const recordsText = (records: readonly DnsRecord[], formatRecord: (record: DnsRecord) => string): string =>
  records.map(formatRecord).toSorted().join(', ') || NONE;

const formatTypedData = ({ type, rdata }: DnsRecord): string =>
  `${findCodeName(TYPE, type, 'TYPE')} ${cleanText(formatRdata(type, rdata))}`;

/**
 * Formats a record with its zone and without the serial number of an SOA, because servers count
 * changes differently.
 */
function formatAuthority(record: DnsRecord): string {
  const data =
    record.type === TYPE.SOA ? formatTypedData(record).replace(/^(\S+ \S+ \S+) \d+/, '$1 -') : formatTypedData(record);
  return `${cleanText(record.name)}. ${data}`;
}

const compareAuthority = (isAuthoritativeNow: boolean, { flags }: Message) =>
  ['authoritative', isAuthoritativeNow ? 'yes' : 'no', (flags & FLAG.AA) === 0 ? 'no' : 'yes'] as const;

/**
 * Compares two DNS answers: the response code, whether they are authoritative (RFC 1035 §4.1.1),
 * the data of the answers, and the authority section, which names the zone of a missing name (RFC
 * 2308 §3).
 */
export const compareDns = (now: Message, captured: Message): readonly Difference[] =>
  listDifferingFields([
    ['code', findCodeName(RCODE, now.rcode, 'RCODE'), findCodeName(RCODE, captured.rcode, 'RCODE')],
    compareAuthority((now.flags & FLAG.AA) !== 0, captured),
    ['answers', recordsText(now.answers, formatTypedData), recordsText(captured.answers, formatTypedData)],
    ['authority', recordsText(now.authority, formatAuthority), recordsText(captured.authority, formatAuthority)],
  ]);

/**
 * Compares for a query that would now be forwarded. The upstream's answer is not known, but the
 * answer to the client would be authoritative if an alias of ours leads outside.
 */
export const compareForwarded = (isOwnAlias: boolean, captured: Message): readonly Difference[] =>
  listDifferingFields([compareAuthority(isOwnAlias, captured)]);
