// JSON from outside. Deep nesting exhausts a parser's stack and many distinct keys cost microseconds each, so both are counted before
// parsing.
//
// 1. Nothing here throws.

import { cleanLines, cleanText } from '../../clean-text.ts';
import { findJsonExcess, type JsonExcess } from '../../json-excess.ts';

export const JSON_DEPTH_MAX = 12;
/**
 * Members of records and elements of lists, at every depth. This many distinct keys take 5 ms, 2 MiB of them 300 ms; a machine's facts have
 * at most 3400.
 */
export const JSON_VALUES_MAX = 8192;

type JsonFault = { readonly kind: 'malformed' } | JsonExcess;

type ParsedJson =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'fault'; readonly fault: JsonFault };

export function parseJson(text: string, valuesMax: number = JSON_VALUES_MAX): ParsedJson {
  const excess = findJsonExcess(text, { depthMax: JSON_DEPTH_MAX, valuesMax });
  if (excess !== undefined) return { kind: 'fault', fault: excess };
  try {
    return { kind: 'value', value: JSON.parse(text) };
  } catch {
    return { kind: 'fault', fault: { kind: 'malformed' } };
  }
}

/**
 * As one line, to store and display: white space and broken characters become single spaces, unprintable ones escapes; trimmed and cut to
 * `charactersMax`.
 */
export function cleanWords(text: string, charactersMax: number): string {
  return cleanText(text.replace(/[\s\0\ufffd]+/g, ' ').trim(), charactersMax);
}

/** A person's note as it was sent: its line breaks, as LF, and its blanks stay. Everything else is as in `cleanWords`. */
export const cleanNote = (text: string, charactersMax: number): string =>
  cleanLines(
    text
      .replaceAll('\r\n', '\n')
      .replace(/[\t\v\f\r\u2028\u2029\ufeff\0\ufffd]+/g, ' ')
      .trim(),
    charactersMax,
  );

/** It follows the name of the text. */
export function jsonFaultText(fault: JsonFault): string {
  switch (fault.kind) {
    case 'malformed':
      return 'is not valid JSON';
    case 'deep':
      return `nests deeper than ${fault.max} levels`;
    case 'long':
      return `holds more than ${fault.max} values`;
  }
}
