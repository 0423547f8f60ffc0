// JSON that came from outside. A deep nest costs a parser its stack, so the depth is counted before anything is parsed.
//
// 1. Never throws.

import { cleanText } from '../clean-text.ts';

export const JSON_DEPTH_MAX = 12;

/** A parsed value, or why the text is none. */
export type ParsedJson =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'fault'; readonly text: string };

/** The value of a JSON text that nests at most `JSON_DEPTH_MAX` deep. */
export function parseJson(text: string): ParsedJson {
  if (nestsDeeperThan(text, JSON_DEPTH_MAX)) {
    return { kind: 'fault', text: `nests deeper than ${JSON_DEPTH_MAX} levels` };
  }
  try {
    return { kind: 'value', value: JSON.parse(text) };
  } catch {
    return { kind: 'fault', text: 'is not valid JSON' };
  }
}

/** Counts brackets outside strings; good enough to bound the depth of whatever JSON.parse would accept. */
function nestsDeeperThan(text: string, depthMax: number): boolean {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === 0x5c) index += 1;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      if (depth > depthMax) return true;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return false;
}

/**
 * Text of a machine or a person in one line, as it is stored and shown: white space and broken characters become single spaces, what may
 * not be shown is written as an escape; trimmed and cut to `charactersMax`.
 */
export function cleanWords(text: string, charactersMax: number): string {
  return cleanText(text.replace(/[\s\0\ufffd]+/g, ' ').trim(), charactersMax);
}
