// Parses a remote region's answers. A missing field, or one of another type, invalidates the whole
// answer. Texts for people are cleaned.

import { parseIpv4, parseMac } from '../ground/address.ts';
import { cleanText } from '../ground/clean-text.ts';
import { type Fields, isFields } from '../ground/fields.ts';
import { readBoundedJson } from '../ground/json-excess.ts';
import type { RefusedEntry } from '../region/records/rack.ts';
import { HEARD_ADDRESSES_MAX, type RackRequest, type RackTask } from '../region/records/rack-request.ts';
import type { RackNote } from '../region/reports/notes.ts';
import type { LinkAnswer } from './link-transport.ts';

/** The characters shown of a region's version and of its sentences. */
const VERSION_CHARACTERS_MAX = 64;
const MESSAGE_CHARACTERS_MAX = 300;

/** An answer to a batch of 256 entries refuses each with 3 values. */
const ANSWER_BOUNDS = { depthMax: 12, valuesMax: 8192 } as const;

const isSequence = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function parseJsonFields(text: string): Fields | undefined {
  const json = readBoundedJson(text, ANSWER_BOUNDS);
  return json.kind === 'value' && isFields(json.value) ? json.value : undefined;
}

/** Parses the answer to a batch of events; `undefined` if it is invalid. */
export function parseEventsAnswer(
  text: string,
): { readonly stored: number; readonly refused: readonly RefusedEntry[] } | undefined {
  const fields = parseJsonFields(text);
  if (fields === undefined || !isSequence(fields.stored)) return undefined;
  const refused: RefusedEntry[] = [];
  for (const entry of Array.isArray(fields.refused) ? fields.refused : []) {
    if (!isFields(entry) || !isSequence(entry.sequence) || typeof entry.reason !== 'string') return undefined;
    refused.push({ sequence: entry.sequence, reason: cleanText(entry.reason) });
  }
  return { stored: fields.stored, refused };
}

/** Parses the answer to a heartbeat; `undefined` if it is invalid. */
export function parseHeartbeatAnswer(text: string): { readonly version: string; readonly uplink: number } | undefined {
  const fields = parseJsonFields(text);
  if (fields === undefined || typeof fields.version !== 'string' || !isSequence(fields.uplink)) return undefined;
  return { version: cleanText(fields.version, VERSION_CHARACTERS_MAX), uplink: fields.uplink };
}

/** Parses the version in a message of the stream; `undefined` if there is none. */
export function parseChange(data: string): number | undefined {
  const version = parseJsonFields(data)?.version;
  return isSequence(version) ? version : undefined;
}

/** Parses a request to the rack in a message of the stream; `undefined` if it is invalid. */
export function parseRackRequest(data: string): RackRequest | undefined {
  const { id, ...fields } = parseJsonFields(data) ?? {};
  const task = parseRackTask(fields);
  return typeof id !== 'string' || task === undefined ? undefined : { id, task };
}

function parseRackTask({ kind, ...fields }: Fields): RackTask | undefined {
  const address = parseIpv4(String(fields.address));
  const mac = parseMac(String(fields.mac));
  switch (kind) {
    case 'search':
      return typeof fields.interface === 'string' ? { kind, interface: fields.interface } : undefined;
    case 'end':
    case 'clear':
      return address && { kind, address };
    case 'wake': {
      const { password } = fields;
      const hasPassword = typeof password === 'string' && /^([0-9a-f]{8}|[0-9a-f]{12})$/i.test(password);
      return mac && { kind, mac, password: hasPassword ? password : undefined, near: address };
    }
    case 'hear': {
      const addresses = Array.isArray(fields.addresses) ? fields.addresses.slice(0, HEARD_ADDRESSES_MAX) : [];
      return mac && { kind, mac, addresses: addresses.flatMap((text) => parseIpv4(String(text)) ?? []) };
    }
    default:
      return undefined;
  }
}

/** The text of an answer for people: its field `text`, or its first line. */
export function parseAnswerText(body: string): string {
  const parsedText = parseJsonFields(body)?.text;
  const text = typeof parsedText === 'string' ? parsedText : (body.trim().split('\n', 1)[0] ?? '');
  return cleanText(text, MESSAGE_CHARACTERS_MAX);
}

/** True for a redirection; 304 is not one, but an answer about the state. */
export const isRedirection = (status: number): boolean => status >= 300 && status < 400 && status !== 304;

/** The note of a redirection: the rack's key goes only to region.url, so an operator must change that. */
export const composeRedirectionNote = (
  url: string,
  { status, location }: Pick<LinkAnswer, 'status' | 'location'>,
): RackNote => ({
  note: 'link-redirected',
  url,
  status,
  where: location === undefined ? '' : parseAnswerText(location),
});

/**
 * The state and the note in an answer that does not register the rack; `undefined` if the answer is
 * about something else.
 */
export function findRegistrationRefusal(
  { status, body }: LinkAnswer,
  { name: rack, keyFile: file }: { readonly name: string; readonly keyFile: string },
): { readonly state: 'pending' | 'rejected' | 'incompatible'; readonly note: RackNote } | undefined {
  const message = parseAnswerText(body);
  switch (status) {
    case 202:
      return {
        state: 'pending',
        note: message === '' ? { note: 'rack-unaccepted', rack } : { note: 'region-said', said: message },
      };
    case 401:
      return { state: 'rejected', note: { note: 'key-unknown', file, said: message } };
    case 403:
      return { state: 'rejected', note: { note: 'region-said', said: message } };
    case 409:
      return { state: 'incompatible', note: { note: 'region-said', said: message } };
    default:
      return undefined;
  }
}
