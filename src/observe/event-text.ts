// Events as people read them: one sentence that says what happened, how large, how long, what was decided and why. The page, the
// timeline and the region's log show the same words.
//
// 1. An event without a sentence of its own reads as its message and its fields, so no kind is ever silent.
// 2. Fields of a log line stay structured: numbers become addresses, text from outside is cleaned, nothing else changes.

import { cleanLines, cleanText } from '../clean-text.ts';
import type { EventKind, RackEvent } from '../event.ts';
import { formatIpv4, formatMac } from '../net/address.ts';
import { DHCP_SENTENCES, isDhcpEvent, lowerFirst } from './sentences/dhcp.ts';
import { HTTP_SENTENCES, isHttpEvent, isTftpEvent, TFTP_SENTENCES } from './sentences/files.ts';
import { capitalise, DNS_SENTENCES, isDnsEvent, SERVICE_SENTENCES } from './sentences/service.ts';

/** The longest text of an event that is shown: a sentence, or a problem of the configuration. */
const EVENT_CHARACTERS_MAX = 2048;

/** Every kind of event that the daemon's rooms publish, by name. */
export type EventKinds = ReadonlyMap<string, EventKind>;

/** An event's fields for a log line: hardware addresses and addresses as text, `at` and `kind` left out. */
export function eventFields(event: RackEvent): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(event)) {
    if (name === 'kind' || name === 'at' || value === undefined) continue;
    if (name === 'mac') fields.mac = event.mac === undefined ? undefined : formatMac(event.mac);
    else if (name === 'address') fields.address = event.address === undefined ? undefined : formatIpv4(event.address);
    else fields[name] = typeof value === 'string' ? cleanField(name, value) : value;
  }
  return fields;
}

/** Problems of the configuration are a line each, of the rack's own making. Text of strangers has no line ends: they could forge lines. */
const cleanField = (name: string, value: string): string =>
  name === 'problems' ? cleanLines(value) : cleanText(value, EVENT_CHARACTERS_MAX);

/** One sentence without its full stop: what happened, with what a person needs to act on it. */
export function eventText(event: RackEvent, kind: EventKind | undefined): string {
  const text = (sentenceOf(event) ?? plainText(event, kind)).replaceAll('\n', '; ');
  const sentence = cleanText(text, EVENT_CHARACTERS_MAX);
  return event.count === undefined || event.count < 2 ? sentence : `${sentence} (one of ${event.count} such)`;
}

function sentenceOf(event: RackEvent): string | undefined {
  if (isDhcpEvent(event)) return DHCP_SENTENCES[event.kind]?.(event);
  if (isTftpEvent(event)) return withClient(event, TFTP_SENTENCES[event.kind]?.(event));
  if (isHttpEvent(event)) return withClient(event, HTTP_SENTENCES[event.kind]?.(event));
  if (isDnsEvent(event)) return DNS_SENTENCES[event.kind]?.(event);
  if (!Object.hasOwn(SERVICE_SENTENCES, event.kind)) return undefined;
  const fields = new Map(Object.entries(eventFields(event)));
  return SERVICE_SENTENCES[event.kind]?.({ text: (name) => String(fields.get(name) ?? '') });
}

/** The sentences of which a client is the subject; other sentences tell of a listener, or of a file. */
const TELLS_OF_CLIENT = /^(?:tftp|http)\.(?!listening$|failed$)/;

/** A client whose hardware address is not known stands beside no machine: then the sentence itself names its address. */
function withClient({ kind, mac, address }: RackEvent, sentence: string | undefined): string | undefined {
  if (sentence === undefined || mac !== undefined || address === undefined) return sentence;
  return TELLS_OF_CLIENT.test(kind) ? `${formatIpv4(address)} ${lowerFirst(sentence)}` : sentence;
}

/** The message, then the fields by name; those that hold a sentence (`reason`, `text`) last and without their name. */
function plainText(event: RackEvent, kind: EventKind | undefined): string {
  const { mac: _mac, count: _count, reason, text, ...rest } = eventFields(event);
  const words = Object.entries(rest).map(([name, value]) => `${name} ${String(value)}`);
  const said = [reason, text].filter((value) => value !== undefined).map(String);
  const message = capitalise(kind?.message ?? event.kind);
  return [words.length === 0 ? message : `${message}: ${words.join(', ')}`, ...said].join('; ');
}
