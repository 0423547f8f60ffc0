// Reads racks' events, and writes their sentences, in the region and in the rack's log.
//
// 1. Fields may come from another host. Texts are cleaned and cut, and unlisted fields are dropped.
//    If a needed field is missing, or a listed one has another type, the region keeps the rack's
//    own sentence instead. It does the same for an unknown kind or note.
// 2. A sentence begins with a capital letter, unless it begins with a name, and has no full stop at its end.

import { lowerFirst } from '../../boot/boot-words.ts';
import { BOOT_EVENTS } from '../../boot/events.ts';
import { DHCP_EVENTS } from '../../dhcp/events/events.ts';
import { DNS_EVENTS } from '../../dns/events.ts';
import { cleanText, isPrintable } from '../../ground/clean-text.ts';
import type { EventKind, Form, Forms } from '../../ground/event.ts';
import { HTTP_EVENTS } from '../../http/events.ts';
import { TFTP_EVENTS } from '../../tftp/events.ts';
import { DAEMON_EVENTS } from './daemon-events.ts';
import { isNote } from './notes.ts';
import { UPLINK_EVENTS } from './uplink-events.ts';

const RACK_EVENTS = {
  ...DAEMON_EVENTS,
  ...BOOT_EVENTS,
  ...DHCP_EVENTS,
  ...TFTP_EVENTS,
  ...HTTP_EVENTS,
  ...DNS_EVENTS,
  ...UPLINK_EVENTS,
};

/** Every kind of event of a rack or region process, by name. */
export const EVENT_KINDS: ReadonlyMap<string, Omit<EventKind, 'text'>> = new Map(Object.entries(RACK_EVENTS));

/** The parameters of a rack's events, by kind. */
export type RackEventParams = {
  readonly [K in keyof typeof RACK_EVENTS]: Parameters<(typeof RACK_EVENTS)[K]['text']>[0];
};

/** A rack's event: its kind and its fields. */
type ReportedEvent<Code extends keyof RackEventParams = keyof RackEventParams> = {
  readonly [K in Code]: { readonly code: K; readonly params: RackEventParams[K] };
}[Code];

/** The fields of a rack's event on their way to the region. */
export type RackFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The kinds with sentences about a client; the others are about a listener or a file. */
const ABOUT_CLIENT = /^(?:tftp|http)\.(?!listening$|failed$)/;

/**
 * Completes the sentence of a rack's event. Without a hardware address the event belongs to no
 * machine, so the sentence itself names the client's IP address. An event that stands for several
 * similar ones gives their number.
 */
function ofReport(sentence: string, { code, params: { mac, address, count, isAway } }: ReportedEvent): string {
  const isNamed = mac === undefined && address !== undefined && ABOUT_CLIENT.test(code);
  const named = isNamed ? `${address} ${lowerFirst(sentence)}` : sentence;
  // The sentences of boot policy events name the home themselves.
  const whole = isAway === true && !code.startsWith('boot.') ? `${named} (in another network than its home)` : named;
  return count === undefined || count < 2 ? whole : `${whole} (1 of ${count} similar events)`;
}

/** Characters of one text, as many as a sentence of the region has. */
const TEXT_CHARACTERS_MAX = 500;
/** Characters of all texts of one event; beyond them a text keeps its first SHORT_CHARACTERS_MAX. */
const TEXTS_CHARACTERS_MAX = 1000;
const SHORT_CHARACTERS_MAX = 64;
/**
 * The largest number, either way. So many seconds before or after an event are still a moment that
 * a date can name.
 */
const NUMBER_MAX = 8e12;

/** A kind's fields, prepared for reading: a rack reads thousands of events a second. */
interface PreparedFields {
  readonly types: ReadonlyMap<string, string>;
  readonly words: ReadonlyMap<string, readonly string[]>;
  readonly needed: readonly string[];
}

function prepare(forms: Readonly<Partial<Forms>>): PreparedFields {
  const all = Object.entries<Form | undefined>({ ...forms, count: 'number?' }).flatMap(([name, form]) =>
    form === undefined ? [] : [[name, form] as const],
  );
  const typeOf = (form: Form): string =>
    typeof form !== 'string' || form.startsWith('text') ? 'string' : form.startsWith('flag') ? 'boolean' : 'number';
  return {
    types: new Map(all.map(([name, form]) => [name, typeOf(form)])),
    words: new Map(all.flatMap(([name, form]) => (typeof form === 'string' ? [] : [[name, form] as const]))),
    needed: all.flatMap(([name, form]) => (typeof form === 'string' && !form.endsWith('?') ? [name] : [])),
  };
}

const KNOWN: ReadonlyMap<string, PreparedFields> = new Map(
  [...EVENT_KINDS].map(([kind, { fields }]) => [kind, prepare(fields)]),
);

/** True for the code of a rack's event. */
export const isReported = (happening: { readonly code: string }): happening is ReportedEvent =>
  KNOWN.has(happening.code);

/** How many characters the texts of an event may have. */
interface TextBounds {
  readonly each: number;
  readonly all: number;
}
const KEPT: TextBounds = { each: TEXT_CHARACTERS_MAX, all: TEXTS_CHARACTERS_MAX };

/** The client of an event, as the region knows it. */
interface EventOrigin {
  readonly mac: string | undefined;
  readonly address: string | undefined;
  /** True if the report came from outside the machine's home network. */
  readonly isAway?: boolean | undefined;
}

/**
 * A rack's event from its kind and its fields, cleaned and bounded.
 *
 * @param origin replaces the client named in the fields
 * @returns undefined if this version does not know the kind, or if the fields do not fit
 */
export function reportedEvent(
  kind: string,
  fields: object,
  origin: EventOrigin | undefined,
  { each, all }: TextBounds = KEPT,
): ReportedEvent | undefined {
  const existing = KNOWN.get(kind);
  if (existing === undefined) return undefined;
  const params: Record<string, unknown> = {};
  let left = all;
  for (const [name, value] of Object.entries(fields)) {
    const type = existing.types.get(name);
    if (type === undefined || value === undefined) continue;
    if (typeof value !== type || (typeof value === 'number' && !(Math.abs(value) <= NUMBER_MAX))) return undefined;
    if (existing.words.get(name)?.includes(value) === false) return undefined;
    if (typeof value === 'string') {
      const text = clean(value, Math.min(each, Math.max(SHORT_CHARACTERS_MAX, left)));
      left -= text.length;
      params[name] = text;
    } else params[name] = value;
  }
  if (!existing.needed.every((name) => params[name] !== undefined)) return undefined;
  if (origin?.mac !== undefined) params.mac = origin.mac;
  if (origin?.address !== undefined) params.address = origin.address;
  if (origin?.isAway === true) params.isAway = true;
  const event = { code: kind, params };
  return isReported(event) && (params.note === undefined || isNote(params)) ? event : undefined;
}

/** A text as one line. */
const clean = (text: string, charactersMax: number): string =>
  text.length <= charactersMax && isPrintable(text) ? text : cleanText(text.replaceAll('\n', '; '), charactersMax);

const TEXTS: { readonly [K in keyof RackEventParams]: { readonly text: (params: RackEventParams[K]) => string } } =
  RACK_EVENTS;
const ready = <Code extends keyof RackEventParams>({ code, params }: ReportedEvent<Code>): string =>
  TEXTS[code].text(params);

/** The whole sentence of a rack's event. */
export const reportedSentence = (event: ReportedEvent): string => ofReport(ready(event), event);
