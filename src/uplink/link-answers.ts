// What a remote region answers, checked. A field that is missing or of another type makes the whole answer unusable; what it says to people is
// clean.

import { cleanText } from '../clean-text.ts';
import type { LinkAnswer } from './link-transport.ts';

/** How much is shown of a region's version, and of a sentence of its own. */
const VERSION_CHARACTERS_MAX = 64;
const SAID_CHARACTERS_MAX = 300;

type Fields = Readonly<Record<string, unknown>>;

/** An entry that the region will not take, however often it is sent. */
export interface RefusedEntry {
  readonly sequence: number;
  readonly reason: string;
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const isSequence = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function parse(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The answer to a batch of events; undefined: it is none. */
export function parseEventsAnswer(
  text: string,
): { readonly stored: number; readonly refused: readonly RefusedEntry[] } | undefined {
  const fields = parse(text);
  if (fields === undefined || !isSequence(fields.stored)) return undefined;
  const refused: RefusedEntry[] = [];
  for (const entry of Array.isArray(fields.refused) ? fields.refused : []) {
    if (!isFields(entry) || !isSequence(entry.sequence) || typeof entry.reason !== 'string') return undefined;
    refused.push({ sequence: entry.sequence, reason: cleanText(entry.reason) });
  }
  return { stored: fields.stored, refused };
}

/** The answer to a heartbeat; undefined: it is none. */
export function parseHeartbeatAnswer(text: string): { readonly version: string; readonly uplink: number } | undefined {
  const fields = parse(text);
  if (fields === undefined || typeof fields.version !== 'string' || !isSequence(fields.uplink)) return undefined;
  return { version: cleanText(fields.version, VERSION_CHARACTERS_MAX), uplink: fields.uplink };
}

/** The version that a message of the stream names; undefined: it names none. */
export function parseChange(data: string): number | undefined {
  const version = parse(data)?.version;
  return isSequence(version) ? version : undefined;
}

/** What an answer says to people: its `text`, or its first line. */
export function textOf(body: string): string {
  const said = parse(body)?.text;
  const text = typeof said === 'string' ? said : (body.trim().split('\n', 1)[0] ?? '');
  return cleanText(text, SAID_CHARACTERS_MAX);
}

/** True for an answer that sends elsewhere: 304 is an answer about the state, and redirects nobody. */
export const isRedirection = (status: number): boolean => status >= 300 && status < 400 && status !== 304;

/** What a redirection means for people: the rack's key goes only where region.url says, so a person has to say it. */
export function redirectionText(url: string, { status, location }: Pick<LinkAnswer, 'status' | 'location'>): string {
  const where = location === undefined ? '' : ` to ${textOf(location)}`;
  return `${url} answers ${status} and sends elsewhere${where}: that is not followed, set region.url to the region itself`;
}

/** What a rack is told that is not registered, or not yet; undefined: the answer says nothing of it. */
export function registrationRefusal(
  { status, body }: LinkAnswer,
  rack: { readonly name: string; readonly keyFile: string },
): { readonly state: 'pending' | 'rejected' | 'incompatible'; readonly text: string } | undefined {
  const reason = textOf(body);
  switch (status) {
    case 202:
      return {
        state: 'pending',
        text: reason || `accept this rack on its region: rackboot racks accept ${rack.name}`,
      };
    case 401:
      return { state: 'rejected', text: `the region does not know the key of ${rack.keyFile}: ${reason}` };
    case 403:
      return { state: 'rejected', text: reason };
    case 409:
      return { state: 'incompatible', text: reason };
    default:
      return undefined;
  }
}

/** That a region speaks another version of the link than this rack, and which of them to update. */
export const versionText = (region: number, rack: number): string =>
  `the region speaks version ${region} of the link, this rack version ${rack}: update ${region < rack ? 'the region' : 'the rack'}`;
