// Markup in which escaping cannot be forgotten.
//
// Sources: HTML Living Standard §13.1.2 (which characters end an element, attribute or text); JSX
// for line ends.
//
// 1. A string becomes markup only through `html`, which escapes it everywhere, or `verbatim`. Only
//    this file can create `Html`. `html` called as a function throws, because it would not escape
//    the strings of its array: it takes only the arrays that the language makes.
// 2. Inserted text can neither end the markup around it nor reverse or hide the text next to it
//    (`clean-text.ts`).
// 3. `undefined`, `true` and `false` do not compile as a part; write `nothing`.
// 4. Between the attributes of a tag, escaping cannot help: only `Html` is allowed there, and text throws.

import { cleanLines } from './clean-text.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

class Markup {
  // Private, so no other type is assignable to this one.
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** In an `html` template use the `Html` itself; this string would be escaped. */
  toString(): string {
    return this.#text;
  }
}

/** Elements, text, or the attributes of a tag. */
export type Html = Markup;

/** Text, which is escaped; a number; markup and lists of it, which are inserted as they are. */
export type Part = string | number | Html | readonly Html[];

/** The only empty `Html`, so `===` recognises it. */
export const nothing: Html = new Markup('');

/** Makes markup unescaped; test/tidy.test.ts lists every use with its reason. */
const trusted = (text: string): Html => (text === '' ? nothing : new Markup(text));

/** Escapes, but keeps control characters, for a form that sends a value back. */
export const verbatim = (text: string): Html => trusted(escaped(text));

/**
 * A line end with its indentation becomes a space between words, and nothing next to a tag or a
 * part, or at an end.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const { texts, places } = getTemplate(strings);
  let text = texts[0] ?? '';
  parts.forEach((part, index) => {
    text += renderPart(part, places[index] ?? 'tag') + (texts[index + 1] ?? '');
  });
  return trusted(text);
}

/** The place of a part: between tags, between the attributes of a tag, or in the quotes of an attribute. */
type Place = 'text' | 'tag' | '"' | "'";

function renderPart(part: Part, place: Place): string {
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') {
    if (place === 'tag') throw new Error(`text between the attributes of a tag, or without quotes: ${part}`);
    return escaped(cleanLines(part));
  }
  if (!(part instanceof Markup)) return part.map((element) => renderPart(element, place)).join('');
  const text = part.toString();
  // In an attribute, markup is shown as text, and its quotes must not end the attribute. Escaped
  // text contains neither tags nor quotes.
  return place === '"' || place === "'" ? text.replace(/[<>"']/g, escaped) : text;
}

interface Template {
  readonly texts: readonly string[];
  readonly places: readonly Place[];
}

/** Each template literal in the code has one such array. */
const templates = new WeakMap<TemplateStringsArray, Template>();

function getTemplate(strings: TemplateStringsArray): Template {
  const cached = templates.get(strings);
  if (cached !== undefined) return cached;
  if (!Array.isArray(strings) || !Object.isFrozen(strings) || !Object.isFrozen(strings.raw)) {
    throw new Error('html is the tag of a template, not a function');
  }
  const texts = strings.map((text) => text.replace(/(?<=^|>)\n *|\n *(?=<|$)/g, '').replace(/\n */g, ' '));
  const places: Place[] = [];
  let place: Place = 'text';
  for (const text of texts) {
    place = placeAfter(text, place);
    places.push(place);
  }
  const template = { texts, places };
  templates.set(strings, template);
  return template;
}

function placeAfter(text: string, before: Place): Place {
  let place = before;
  for (const character of text) {
    if (place === 'text') place = character === '<' ? 'tag' : 'text';
    else if (place !== 'tag') place = character === place ? 'tag' : place;
    else if (character === '>') place = 'text';
    else if (character === '"' || character === "'") place = character;
  }
  return place;
}
