// JSON from outside. Deep nesting exhausts a parser's stack and many distinct keys cost microseconds each, so both are counted before
// parsing.
//
// 1. Nothing here throws.

import { cleanText } from '../../clean-text.ts';

export const JSON_DEPTH_MAX = 12;
/**
 * Values in one text: members of records and elements of lists, at every depth. This many distinct keys take 5 ms, 2 MiB of them 300 ms.
 * A machine's hardware facts have at most 3400.
 */
export const JSON_VALUES_MAX = 8192;

/** A fault of a JSON text: it is malformed, nests too deeply, or has too many values. */
export type JsonFault = { readonly kind: 'malformed' } | { readonly kind: 'deep' | 'long'; readonly max: number };

/** A parsed value, or why the text is refused. */
export type ParsedJson =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'fault'; readonly fault: JsonFault };

/** Parses a JSON text of at most `valuesMax` values and a depth of at most `JSON_DEPTH_MAX`. */
export function parseJson(text: string, valuesMax: number = JSON_VALUES_MAX): ParsedJson {
  const excess = findExcess(text, valuesMax);
  if (excess !== undefined) return { kind: 'fault', fault: excess };
  try {
    return { kind: 'value', value: JSON.parse(text) };
  } catch {
    return { kind: 'fault', fault: { kind: 'malformed' } };
  }
}

/**
 * The bound that a text exceeds. Counts brackets and commas outside strings. For valid JSON that gives the exact depth, and at least the
 * number of values: an empty list counts as one value.
 */
function findExcess(text: string, valuesMax: number): JsonFault | undefined {
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
      if (depth > JSON_DEPTH_MAX) return { kind: 'deep', max: JSON_DEPTH_MAX };
      if (values > valuesMax) return { kind: 'long', max: valuesMax };
    }
  }
  return undefined;
}

/**
 * Text from a machine or a person as one line, to store and display: white space and broken characters become single spaces, unprintable
 * characters become escapes; trimmed and cut to `charactersMax`.
 */
export function cleanWords(text: string, charactersMax: number): string {
  return cleanText(text.replace(/[\s\0\ufffd]+/g, ' ').trim(), charactersMax);
}
