// Evaluates a request's preconditions for a file. Source: RFC 9110 §13, in the order of §13.2.2;
// dates §5.6.7.
//
// 1. A malformed condition is ignored, except If-Range, which then fails: sending the whole file is
//    never wrong.

import type { IncomingHttpHeaders } from 'node:http';

/** The file's validators, which conditions are compared with. */
export interface Validators {
  /** A strong tag, with its quotes. */
  readonly etag: string;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
}

type ConditionOutcome = 'proceed' | 'not-modified' | 'precondition-failed';

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

/**
 * Whether a request's Range field applies (§13.1.5): it has no If-Range, or one that matches
 * exactly this file.
 */
export function rangeApplies(headers: IncomingHttpHeaders, file: Validators): boolean {
  const field = headers['if-range'];
  // Node passes a repeated field as a list.
  if (typeof field !== 'string') return field === undefined;
  return field.startsWith('"') ? field === file.etag : parseHttpDate(field) === wholeSeconds(file.modifiedMs);
}

/** Rounds milliseconds since 1970 down to whole seconds, the precision of a header. */
const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000;

/** Formats a time as IMF-fixdate. */
export const formatHttpDate = (ms: number): string => new Date(wholeSeconds(ms)).toUTCString();

const DATE_FORMS: readonly RegExp[] = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
];
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * Parses a date in any of the three forms of §5.6.7 to milliseconds since 1970; `undefined` if
 * there is none or it is malformed.
 */
export function parseHttpDate(field: string | undefined): number | undefined {
  if (field === undefined) return undefined;
  const text = ASCTIME.test(field) ? `${field} GMT` : field;
  if (text === field && !DATE_FORMS.some((form) => form.test(field))) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/**
 * Whether a list of entity tags, or `*`, includes this tag. A weak comparison ignores a `W/` prefix
 * (§8.8.3.2).
 */
function listsTag(field: string, etag: string, weakly: boolean): boolean {
  if (field.trim() === '*') return true;
  for (const [tag] of field.matchAll(/(?:W\/)?"[^"]*"/g)) {
    if (tag === etag || (weakly && tag === `W/${etag}`)) return true;
  }
  return false;
}
