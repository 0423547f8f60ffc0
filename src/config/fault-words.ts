// The messages for a value of the wrong kind or size: they say what is allowed and what was found.
// They replace the validator's messages, which name types of its language; a schema with its own
// message (`error`) keeps it.

import type { z } from 'zod';
import { withoutUsersIn } from '../ground/clean-text.ts';

const SHOWN_CHARACTERS_MAX = 60;

const KIND_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list, such as [one, two]',
  object: 'keys with values, such as { key: value }',
  record: 'names with values, such as { name: value }',
};

/** The allowed values, for a schema without its own message. */
function describeAllowed(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${KIND_NAMES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `expected ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `expected ${describeMeasure(issue.origin, 'at least', Number(issue.minimum))}`;
    case 'too_big':
      return `expected ${describeMeasure(issue.origin, 'at most', Number(issue.maximum))}`;
    case 'invalid_format':
      return `expected ${describeFormat(issue)}`;
    case 'invalid_union':
      return 'expected another kind of value; config/rackboot.yaml shows it';
    default:
      return 'is not usable; config/rackboot.yaml shows what is';
  }
}

function describeMeasure(origin: string, limit: 'at least' | 'at most', bound: number): string {
  const unit = origin === 'string' ? 'character' : origin === 'number' || origin === 'int' ? '' : 'entry';
  if (unit === '') return `a number of ${limit} ${bound}`;
  return `${limit} ${bound} ${bound === 1 ? unit : unit === 'entry' ? 'entries' : 'characters'}`;
}

function describeFormat(issue: Extract<z.core.$ZodRawIssue, { readonly code: 'invalid_format' }>): string {
  if (issue.format === 'url') return 'a URL, such as http://rack.example:5240/MAAS';
  if (issue.format === 'starts_with')
    return issue.prefix === '/' ? 'an absolute path' : `text that begins with ${String(issue.prefix)}`;
  return 'another form; config/rackboot.yaml shows it';
}

/**
 * Makes a schema use these messages and keep the wrong value. Without the validator's compiled
 * code, which costs a start 7 ms.
 */
export const OWN_MESSAGES = { error: describeAllowed, reportInput: true, jitless: true } as const;

/**
 * Names the expected value and, unless it is secret, the found one. For an invalid name, the inner
 * issue names the expected one.
 */
export function describeIssue(issue: z.core.$ZodIssue, isSecret = false): string {
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message;
  const { message, input } = issue;
  if (!message.startsWith('expected ') || /\bfound\b/.test(message)) return message;
  if (input === undefined) return `missing: ${message}`;
  if (isSecret) return message;
  // The text after the first semicolon outside parentheses is a remark or a remedy.
  const end = message.replaceAll(/\([^()]*\)/g, (aside) => '.'.repeat(aside.length)).indexOf('; ');
  const [allowed, remark] = end === -1 ? [message, ''] : [message.slice(0, end), message.slice(end)];
  return `${allowed}, found ${describeFound(findWrongEntry(issue) ?? input, message)}${composeIssueRemedy(issue, input)}${remark}`;
}

/**
 * The text in a list for which a value that may have several kinds was refused; "a list" would not
 * name it.
 */
function findWrongEntry(issue: z.core.$ZodIssue): string | undefined {
  const { input } = issue;
  if (issue.code !== 'invalid_union' || !Array.isArray(input)) return undefined;
  for (const { path } of issue.errors.flat()) {
    const entry: unknown = typeof path[0] === 'number' ? input[path[0]] : undefined;
    if (typeof entry === 'string') return entry;
  }
  return undefined;
}

/** How to write the value that was probably meant. */
function composeIssueRemedy(issue: z.core.$ZodIssue, input: unknown): string {
  if (input === null) return '; give it a value, or remove the key';
  if (issue.code !== 'invalid_type' || issue.message !== describeAllowed({ ...issue, input })) return '';
  if (issue.expected === 'array' && typeof input === 'string') return `; write [${shortenFound(input, issue.message)}]`;
  return issue.expected === 'string' && typeof input === 'number' ? `; write "${input}"` : '';
}

function describeFound(input: unknown, message: string): string {
  if (input === null) return 'nothing';
  if (Array.isArray(input)) return / entr(?:y|ies)\b/.test(message) ? `${input.length}` : 'a list';
  if (typeof input === 'string')
    return / characters?\b/.test(message) ? `${input.length}` : `"${shortenFound(input, message)}"`;
  return typeof input === 'object' ? 'keys with values' : String(input);
}

/**
 * The beginning of a text that was found; a URL without user name and password.
 * @param expected what was expected, as a text
 */
export const shortenFound = (text: string, expected: string): string => shorten(withoutUsersIn(text, expected));

const shorten = (text: string): string =>
  text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
