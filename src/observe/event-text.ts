// Renders events for people: one sentence that says what happened, with sizes, times, decisions and
// reasons. The region writes the same sentence from the event's parameters (`region/reports/`).
//
// 1. The fields of a log line stay structured: addresses become text, text from outside is cleaned,
//    and nothing else changes.

import { formatIpv4, formatMac } from '../ground/address.ts';
import { cleanLines, cleanText } from '../ground/clean-text.ts';
import type { RackEvent } from '../ground/event.ts';
import { reportedEvent, reportedSentence } from '../region/reports/reported.ts';

/** The longest text of an event, in characters: a sentence, or the problems of a configuration. */
const EVENT_CHARACTERS_MAX = 2048;

/** An event's fields for a log line: hardware and IP addresses as text, without `at` and `kind`. */
export function listEventFields(event: RackEvent): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(event)) {
    if (name === 'kind' || name === 'at' || value === undefined) continue;
    if (name === 'mac') fields.mac = event.mac === undefined ? undefined : formatMac(event.mac);
    else if (name === 'address') fields.address = event.address === undefined ? undefined : formatIpv4(event.address);
    else fields[name] = typeof value === 'string' ? cleanField(name, value) : value;
  }
  return fields;
}

/**
 * The rack itself writes a configuration's problems, one per line. Text from outside gets no line
 * breaks, which could forge log lines.
 */
const cleanField = (name: string, value: string): string =>
  name === 'problems' ? cleanLines(value) : cleanText(value, EVENT_CHARACTERS_MAX);

/** The event's text in the log and the timeline is longer than in the region. */
const LOG_TEXT_BOUNDS = { each: EVENT_CHARACTERS_MAX, all: 2 * EVENT_CHARACTERS_MAX };

/** One sentence without a full stop: what happened, with the facts that a person needs to act on it. */
export function composeEventText(event: RackEvent): string {
  const reported = reportedEvent(event.kind, event, formatEventAddresses(event), LOG_TEXT_BOUNDS);
  const text = reported === undefined ? event.kind : reportedSentence(reported);
  return cleanText(text.replaceAll('\n', '; '), EVENT_CHARACTERS_MAX);
}

const formatEventAddresses = ({ mac, address }: RackEvent) => ({
  mac: mac === undefined ? undefined : formatMac(mac),
  address: address === undefined ? undefined : formatIpv4(address),
});
