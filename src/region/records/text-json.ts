// JSON from outside. Deep nesting exhausts a parser's stack and many distinct keys cost
// microseconds each, so both are counted before parsing.
//
// 1. Nothing here throws.

import { cleanLines, cleanText } from '../../ground/clean-text.ts';
import { type BoundedJson, readBoundedJson } from '../../ground/json-excess.ts';

export const JSON_DEPTH_MAX = 12;
/**
 * Members of records and elements of lists, at every depth. This many distinct keys take 5 ms, 2
 * MiB of them 300 ms; a machine's facts have at most 3400.
 */
export const JSON_VALUES_MAX = 8192;

export const parseJson = (text: string, valuesMax: number = JSON_VALUES_MAX): BoundedJson =>
  readBoundedJson(text, { depthMax: JSON_DEPTH_MAX, valuesMax });

/**
 * A text as one line, to store and display: white space and broken characters become single spaces,
 * unprintable ones escapes; trimmed and cut to `charactersMax`.
 */
export function cleanWords(text: string, charactersMax: number): string {
  return cleanText(text.replace(/[\s\0\ufffd]+/g, ' ').trim(), charactersMax);
}

/**
 * A person's note as it was sent: its line breaks, as LF, and its blanks stay. Everything else is
 * as in `cleanWords`.
 */
export const cleanNote = (text: string, charactersMax: number): string =>
  cleanLines(
    text
      .replaceAll('\r\n', '\n')
      .replace(/[\t\v\f\r\u2028\u2029\ufeff\0\ufffd]+/g, ' ')
      .trim(),
    charactersMax,
  );
