// Markup that cannot forget to escape: the type `Html`, and the template tag that makes it.
//
// Sources: HTML Living Standard §13.1.2 (where a character ends what it stands in); JSX for the ends of lines.
//
// 1. A string becomes markup only by `html`, which escapes it wherever it stands, or by `held`. Outside of this file nobody can make `Html`.
// 2. What leaves here can neither end the markup around it nor turn or hide the text beside it (`clean-text.ts`).
// 3. `undefined`, `true` and `false` do not compile as a part of a template. What is left out is written as `nothing`.
// 4. Between the attributes of a tag no escaping helps: there only `Html` may stand, and text is a fault of ours that throws.

import { cleanLines } from '../../clean-text.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

class Markup {
  // Private, so that no other type has the shape of this one.
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The octets for a browser. In a template of `html` they would be escaped: put the `Html` itself there. */
  toString(): string {
    return this.#text;
  }
}

/** Markup, or a part of it: elements, text, or the attributes of a tag. */
export type Html = Markup;

/** What may stand in a template: text, which is escaped; a number; markup, and lists of it, as they are. */
export type Part = string | number | Html | readonly Html[];

/** What is left out: the one `Html` without any text, so that it can be compared with. */
export const nothing: Html = new Markup('');

/** Takes text for markup. test/tidy.test.ts lists every use with its reason. */
const trusted = (text: string): Html => (text === '' ? nothing : new Markup(text));

/** Text that comes back with a form and must be the same then: escaped, and its control characters are kept. */
export const held = (text: string): Html => trusted(escaped(text));

/**
 * Markup from a template. The end of a line, with the room before the next one, counts as a space between words and as nothing beside a
 * tag, beside a part and at the edges.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const { texts, places } = templateOf(strings);
  let text = texts[0] ?? '';
  parts.forEach((part, index) => {
    text += written(part, places[index] ?? 'tag') + (texts[index + 1] ?? '');
  });
  return trusted(text);
}

/** Where a part stands: between tags, between the attributes of a tag, or in the quotes of an attribute. */
type Place = 'text' | 'tag' | '"' | "'";

function written(part: Part, place: Place): string {
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') {
    if (place === 'tag') throw new Error(`text stands between the attributes of a tag, or without quotes: ${part}`);
    return escaped(cleanLines(part));
  }
  if (!(part instanceof Markup)) return part.map((one) => written(one, place)).join('');
  const text = part.toString();
  // A tag in an attribute is shown as it is written, and a quote does not end it. Text that is escaped has neither.
  return place === '"' || place === "'" ? text.replace(/[<>"']/g, escaped) : text;
}

interface Template {
  readonly texts: readonly string[];
  /** Of each part. */
  readonly places: readonly Place[];
}

/** Templates by their texts, of which each place in the code has one list. */
const templates = new WeakMap<TemplateStringsArray, Template>();

function templateOf(strings: TemplateStringsArray): Template {
  const known = templates.get(strings);
  if (known !== undefined) return known;
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
