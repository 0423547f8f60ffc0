// Compares two answers to the same query. Pure.

import type { DhcpMessage } from '../dhcp/wire/message.ts';
import { FLAG, type Message } from '../dns/message.ts';
import { type DnsRecord, TYPE } from '../dns/record.ts';
import { formatRdata } from '../dns/record-text.ts';
import { formatIpv4 } from '../net/address.ts';
import { bytesText, safeText } from './description.ts';
import { formatOption, nameOption } from './dhcp-values.ts';
import { rcodeName, typeName } from './dns-description.ts';

/** One difference. */
export interface Difference {
  readonly what: string;
  /** The answer now; `none` if there is none. */
  readonly now: string;
  /** The captured answer. */
  readonly captured: string;
}

const NONE = 'none';

/** Compares two DHCP replies: the fields that a client acts on, and every option. */
export function compareDhcp(now: DhcpMessage, captured: DhcpMessage): readonly Difference[] {
  const found: Difference[] = [];
  const add = (what: string, a: string, b: string): void => {
    if (a !== b) found.push({ what, now: a, captured: b });
  };
  for (const name of ['yiaddr', 'siaddr', 'ciaddr', 'giaddr'] as const) {
    add(name, formatIpv4(now[name]), formatIpv4(captured[name]));
  }
  add('sname', quoted(now.sname), quoted(captured.sname));
  add('file', quoted(now.file), quoted(captured.file));
  const codes = new Set([...now.options.keys(), ...captured.options.keys()]);
  for (const code of [...codes].toSorted((a, b) => a - b)) {
    const [own, theirs] = [now.options.get(code), captured.options.get(code)];
    if (own !== undefined && theirs !== undefined && Buffer.from(own).equals(theirs)) continue;
    add(nameOption(code), optionText(code, own), optionText(code, theirs));
  }
  return found;
}

const quoted = (text: string): string => (text === '' ? NONE : `"${safeText(text)}"`);

function optionText(code: number, value: Uint8Array | undefined): string {
  if (value === undefined) return NONE;
  const { value: text, parts } = formatOption(code, value, true);
  return text !== '' ? text : (parts ?? []).map((part) => `${part.name}: ${part.value}`).join('; ') || bytesText(value);
}

const AUTHORITATIVE = 'authoritative';

const ofAuthority = ({ flags }: Message): string => ((flags & FLAG.AA) === 0 ? 'no' : 'yes');

/** Records as one text, independent of their order and TTL. */
function recordsText(records: readonly DnsRecord[], lineOf: (record: DnsRecord) => string): string {
  return records.map(lineOf).toSorted().join(', ') || NONE;
}

const dataOf = ({ type, rdata }: DnsRecord): string => `${typeName(type)} ${safeText(formatRdata(type, rdata))}`;

/** A record with its zone, and without the serial number of an SOA: no two servers count changes alike. */
function authorityOf(record: DnsRecord): string {
  const data = record.type === TYPE.SOA ? dataOf(record).replace(/^(\S+ \S+ \S+) \d+/, '$1 -') : dataOf(record);
  return `${safeText(record.name)}. ${data}`;
}

/**
 * Compares two DNS answers: the response code, whether they are authoritative (RFC 1035 §4.1.1), the data of the answers, and the authority
 * section, which names the zone of a missing name (RFC 2308 §3).
 */
export function compareDns(now: Message, captured: Message): readonly Difference[] {
  const found: Difference[] = [];
  const add = (what: string, a: string, b: string): void => {
    if (a !== b) found.push({ what, now: a, captured: b });
  };
  add('code', rcodeName(now.rcode), rcodeName(captured.rcode));
  add(AUTHORITATIVE, ofAuthority(now), ofAuthority(captured));
  add('answers', recordsText(now.answers, dataOf), recordsText(captured.answers, dataOf));
  add('authority', recordsText(now.authority, authorityOf), recordsText(captured.authority, authorityOf));
  return found;
}

/**
 * The same for a query that would now be forwarded. The upstream's answer is not known, but ours would be authoritative if an alias of ours
 * leads outside.
 */
export function compareForwarded(isOwnAlias: boolean, captured: Message): readonly Difference[] {
  const [now, theirs] = [isOwnAlias ? 'yes' : 'no', ofAuthority(captured)];
  return now === theirs ? [] : [{ what: AUTHORITATIVE, now, captured: theirs }];
}
