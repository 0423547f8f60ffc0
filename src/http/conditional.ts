// Whether a request's conditions hold for a file. Source: RFC 9110 §13, in the order of §13.2.2; dates §5.6.7.
//
// 1. A condition that cannot be understood is no condition, except If-Range, which then fails: the whole file is never wrong.

import type { IncomingHttpHeaders } from 'node:http';

/** What conditions are compared with. */
export interface Validators {
  /** With its quotes; strong. */
  readonly etag: string;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
}

export type ConditionOutcome = 'proceed' | 'not-modified' | 'precondition-failed';

/** Judges the preconditions of a GET or HEAD. */
export function judgeConditions(headers: IncomingHttpHeaders, file: Validators): ConditionOutcome {
  const ifMatch = headers['if-match'];
  const unmodifiedSince = parseHttpDate(headers['if-unmodified-since']);
  if (ifMatch !== undefined) {
    if (!listsTag(ifMatch, file.etag, false)) return 'precondition-failed';
  } else if (unmodifiedSince !== undefined && wholeSeconds(file.modifiedMs) > unmodifiedSince) {
    return 'precondition-failed';
  }
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) return listsTag(ifNoneMatch, file.etag, true) ? 'not-modified' : 'proceed';
  const modifiedSince = parseHttpDate(headers['if-modified-since']);
  return modifiedSince !== undefined && wholeSeconds(file.modifiedMs) <= modifiedSince ? 'not-modified' : 'proceed';
}

/** Whether the Range field of a request counts (§13.1.5): no If-Range, or one that names exactly this file. */
export function rangeApplies(headers: IncomingHttpHeaders, file: Validators): boolean {
  const field = headers['if-range'];
  // Node hands over a field that came several times as a list.
  if (typeof field !== 'string') return field === undefined;
  return field.startsWith('"') ? field === file.etag : parseHttpDate(field) === wholeSeconds(file.modifiedMs);
}

/** Milliseconds since 1970 of the last whole second: a header cannot say more. */
const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000;

/** The moment as IMF-fixdate. */
export const formatHttpDate = (ms: number): string => new Date(wholeSeconds(ms)).toUTCString();

const DATE_FORMS: readonly RegExp[] = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
];
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/** Milliseconds since 1970 of a date in any of the three forms of §5.6.7; undefined: no date, or not one of these forms. */
export function parseHttpDate(field: string | undefined): number | undefined {
  if (field === undefined) return undefined;
  const text = ASCTIME.test(field) ? `${field} GMT` : field;
  if (text === field && !DATE_FORMS.some((form) => form.test(field))) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Whether a list of entity tags, or `*`, names this one; weakly: a `W/` before a tag is overlooked (§8.8.3.2). */
function listsTag(field: string, etag: string, weakly: boolean): boolean {
  if (field.trim() === '*') return true;
  for (const [tag] of field.matchAll(/(?:W\/)?"[^"]*"/g)) {
    if (tag === etag || (weakly && tag === `W/${etag}`)) return true;
  }
  return false;
}
