// The form of an event's sentence in region.db: its code, and its parameters as JSON.
//
// 1. Texts are cleaned and bounded before they are stored: they may come from machines and other hosts.
// 2. An unknown code is shown as it is: a later version may have written it.

import { isPrintable } from '../clean-text.ts';
import { isHappening } from '../region/event-sentences.ts';
import type { Happening } from '../region/records/event-params.ts';
import { cleanWords } from '../region/records/text-json.ts';

/** Characters of one text, as many as a sentence has. */
const TEXT_MAX = 500;
/** Characters of all texts of one event; beyond them a text keeps its first SHORT_MAX. A sentence shows no more than 500. */
const TEXTS_MAX = 1000;
const SHORT_MAX = 64;
/** Entries of one list, more than a sentence shows. */
const LIST_MAX = 64;

/** True for a short text that `cleanWords` would not change. Almost all texts are like that, and `cleanWords` takes four times as long. */
const isPlain = (text: string, max: number): boolean =>
  text.length <= max && isPrintable(text) && !text.includes('  ') && !text.startsWith(' ') && !text.endsWith(' ');

/** The parameters as JSON. */
export function packParams({ params }: Happening): string {
  let left = TEXTS_MAX;
  const pack = (value: unknown): unknown => {
    if (typeof value === 'string') {
      const max = Math.min(TEXT_MAX, Math.max(SHORT_MAX, left));
      const text = isPlain(value, max) ? value : cleanWords(value, max);
      left -= text.length;
      return text;
    }
    if (Array.isArray(value)) return value.slice(0, LIST_MAX).map(pack);
    if (typeof value !== 'object' || value === null) return value;
    const packed: Record<string, unknown> = {};
    for (const [name, part] of Object.entries(value)) if (part !== undefined) packed[name] = pack(part);
    return packed;
  };
  return JSON.stringify(pack(params));
}

/** Reads the code and the parameters of a stored event; an unknown code becomes its own text. */
export function unpackHappening(code: string, params: string): Happening {
  const stored = { code, params: JSON.parse(params) };
  return isHappening(stored) ? stored : { code: 'rack', params: { text: code } };
}
