// JSON of another site, which may be made to exhaust its reader.
//
// 1. The values and the depth are counted before the text is parsed: `[[[…` of 64 MiB would take more than a GiB of memory.
// 2. Nothing here throws.

import { errorText } from '../../errors.ts';
import { type DocumentDecoded, documentFault, documentValue } from './fault.ts';

/** Bounds of a JSON text. */
export interface JsonBounds {
  /** Members of objects and elements of lists, at every depth. */
  readonly valuesMax: number;
  /** Objects and lists in each other. */
  readonly depthMax: number;
}

/** Parses a JSON text. */
export function decodeJson(text: string, bounds: JsonBounds): DocumentDecoded<unknown> {
  const excess = findExcess(text, bounds);
  if (excess !== undefined) return excess;
  try {
    return documentValue(JSON.parse(text));
  } catch (error) {
    return documentFault('not-readable', '', 'JSON', errorText(error));
  }
}

/** The bound that the text exceeds, found by its brackets and commas outside strings; undefined: none. */
function findExcess(text: string, { valuesMax, depthMax }: JsonBounds): DocumentDecoded<never> | undefined {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === BRACKET_CLOSED || code === BRACE_CLOSED) depth -= 1;
    else if (code === COMMA) values += 1;
    else if (code === BRACKET || code === BRACE) {
      values += 1;
      depth += 1;
      if (depth > depthMax) return documentFault('too-deep', '', `at most ${depthMax} levels`, depth);
    }
    if (values > valuesMax) return documentFault('too-large', '', `at most ${valuesMax} values`, values);
  }
  return undefined;
}

/** The place of the quote that ends a string. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const BRACKET_CLOSED = 0x5d;
const BRACE = 0x7b;
const BRACE_CLOSED = 0x7d;
