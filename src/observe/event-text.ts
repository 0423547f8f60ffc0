// Renders events for people: one sentence that says what happened, with sizes, times, decisions and reasons. The page, the timeline and the
// region's log show the same text.
//
// 1. A kind without its own sentence is shown as its message and its fields, so every event has a text.
// 2. The fields of a log line stay structured: addresses become text, text from outside is cleaned, and nothing else changes.

import { cleanLines, cleanText } from '../clean-text.ts';
import type { EventKind, RackEvent } from '../event.ts';
import { formatIpv4, formatMac } from '../net/address.ts';
import { DHCP_SENTENCES, isDhcpEvent, lowerFirst } from '../region/words/en/rack-dhcp.ts';
import { HTTP_SENTENCES, isHttpEvent, isTftpEvent, TFTP_SENTENCES } from '../region/words/en/rack-files.ts';
import { capitalise, DNS_SENTENCES, isDnsEvent, SERVICE_SENTENCES } from '../region/words/en/rack-service.ts';

/** The longest text of an event, in characters: a sentence, or the problems of a configuration. */
const EVENT_CHARACTERS_MAX = 2048;

/** Every kind of event of the daemon's rooms, by name. */
export type EventKinds = ReadonlyMap<string, EventKind>;

/** An event's fields for a log line: hardware and IP addresses as text, without `at` and `kind`. */
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

/** The rack itself writes a configuration's problems, one per line. Text from outside gets no line breaks, which could forge log lines. */
const cleanField = (name: string, value: string): string =>
  name === 'problems' ? cleanLines(value) : cleanText(value, EVENT_CHARACTERS_MAX);

/** One sentence without a full stop: what happened, with the facts that a person needs to act on it. */
export function eventText(event: RackEvent, kind: EventKind | undefined): string {
  const text = (sentenceOf(event) ?? plainText(event, kind)).replaceAll('\n', '; ');
  const sentence = cleanText(text, EVENT_CHARACTERS_MAX);
  return event.count === undefined || event.count < 2 ? sentence : `${sentence} (1 of ${event.count} similar events)`;
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

/** The kinds with sentences about a client; the others are about a listener or a file. */
const ABOUT_CLIENT = /^(?:tftp|http)\.(?!listening$|failed$)/;

/** Without a hardware address the event belongs to no machine, so the sentence itself names the client's IP address. */
function withClient({ kind, mac, address }: RackEvent, sentence: string | undefined): string | undefined {
  if (sentence === undefined || mac !== undefined || address === undefined) return sentence;
  return ABOUT_CLIENT.test(kind) ? `${formatIpv4(address)} ${lowerFirst(sentence)}` : sentence;
}

/** The message, then the fields by name; fields with a sentence (`reason`, `text`) come last and without their name. */
function plainText(event: RackEvent, kind: EventKind | undefined): string {
  const { mac: _mac, count: _count, reason, text, ...rest } = eventFields(event);
  const words = Object.entries(rest).map(([name, value]) => `${name} ${String(value)}`);
  const said = [reason, text].filter((value) => value !== undefined).map(String);
  const message = capitalise(kind?.message ?? event.kind);
  return [words.length === 0 ? message : `${message}: ${words.join(', ')}`, ...said].join('; ');
}
