// Where two answers to one question differ. Pure.

import type { DhcpMessage } from '../dhcp/wire/message.ts';
import { FLAG, type Message } from '../dns/message.ts';
import { type DnsRecord, TYPE } from '../dns/record.ts';
import { formatRdata } from '../dns/record-text.ts';
import { formatIpv4 } from '../net/address.ts';
import { bytesText, safeText } from './description.ts';
import { formatOption, nameOption } from './dhcp-values.ts';
import { rcodeName, typeName } from './dns-description.ts';

/** One thing that differs. */
export interface Difference {
  readonly what: string;
  /** What is answered now; `none` where nothing is. */
  readonly now: string;
  /** What the capture shows. */
  readonly captured: string;
}

const NONE = 'none';

/** Where two DHCP replies differ: the fields that a client acts on, and every option. */
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

/** Records as one text, whatever their order and time to live. */
function recordsText(records: readonly DnsRecord[], lineOf: (record: DnsRecord) => string): string {
  return records.map(lineOf).toSorted().join(', ') || NONE;
}

const dataOf = ({ type, rdata }: DnsRecord): string => `${typeName(type)} ${safeText(formatRdata(type, rdata))}`;

/** With its zone; the serial number of an SOA counts changes, which no two servers count alike. */
function authorityOf(record: DnsRecord): string {
  const data = record.type === TYPE.SOA ? dataOf(record).replace(/^(\S+ \S+ \S+) \d+/, '$1 -') : dataOf(record);
  return `${safeText(record.name)}. ${data}`;
}

/**
 * Where two DNS answers differ: the code; whether each is authoritative (RFC 1035 §4.1.1); the data of the answers; the authority section,
 * which is the zone of a name that there is not (RFC 2308 §3).
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
 * The same when an upstream would be asked now: what it would say is not known, but whether we would answer with authority is, which we do
 * for an alias of ours that leads outside.
 */
export function compareForwarded(isOwnAlias: boolean, captured: Message): readonly Difference[] {
  const [now, theirs] = [isOwnAlias ? 'yes' : 'no', ofAuthority(captured)];
  return now === theirs ? [] : [{ what: AUTHORITATIVE, now, captured: theirs }];
}
