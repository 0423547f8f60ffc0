// JSON that came from outside. A deep nest costs a parser its stack, and each of many names some microseconds, so both are counted
// before anything is built.
//
// 1. Never throws.

import { cleanText } from '../../clean-text.ts';

export const JSON_DEPTH_MAX = 12;
/**
 * Values of one text: the members of its records and the elements of its lists, at every depth. So many names take 5 ms, those of 2 MiB
 * 300 ms. What a machine tells of its hardware has 3400 at the most.
 */
export const JSON_VALUES_MAX = 8192;

/** A parsed value, or why the text is none. */
export type ParsedJson =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'fault'; readonly text: string };

/** The value of a JSON text of at most `valuesMax` values that nests at most `JSON_DEPTH_MAX` deep. */
export function parseJson(text: string, valuesMax: number = JSON_VALUES_MAX): ParsedJson {
  const excess = findExcess(text, valuesMax);
  if (excess !== undefined) return { kind: 'fault', text: excess };
  try {
    return { kind: 'value', value: JSON.parse(text) };
  } catch {
    return { kind: 'fault', text: 'is not valid JSON' };
  }
}

/**
 * Which bound a text exceeds. Counts brackets and commas outside strings: of whatever JSON.parse would accept that is the depth, and as many
 * values as there are or some more, since an empty list counts as one of one value.
 */
function findExcess(text: string, valuesMax: number): string | undefined {
  let depth = 0;
  let values = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === 0x5c) index += 1;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5d || code === 0x7d) depth -= 1;
    else if (code === 0x5b || code === 0x7b || code === 0x2c) {
      if (code !== 0x2c) depth += 1;
      values += 1;
      if (depth > JSON_DEPTH_MAX) return `nests deeper than ${JSON_DEPTH_MAX} levels`;
      if (values > valuesMax) return `holds more than ${valuesMax} values`;
    }
  }
  return undefined;
}

/**
 * Text of a machine or a person in one line, as it is stored and shown: white space and broken characters become single spaces, what may
 * not be shown is written as an escape; trimmed and cut to `charactersMax`.
 */
export function cleanWords(text: string, charactersMax: number): string {
  return cleanText(text.replace(/[\s\0\ufffd]+/g, ' ').trim(), charactersMax);
}
