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

const escapeMarkup = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

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
const makeTrusted = (text: string): Html => (text === '' ? nothing : new Markup(text));

/** Escapes, but keeps control characters, for a form that sends a value back. */
export const verbatim = (text: string): Html => makeTrusted(escapeMarkup(text));

/**
 * Renders a template. A line end with its indentation becomes a space between words; next to a tag
 * or a part, or at an end, it is removed.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const { texts, contexts } = getTemplate(strings);
  let text = texts[0] ?? '';
  parts.forEach((part, index) => {
    text += renderPart(part, contexts[index] ?? 'tag') + (texts[index + 1] ?? '');
  });
  return makeTrusted(text);
}

/** The context of a part: between tags, between the attributes of a tag, or in the quotes of an attribute. */
type PartContext = 'text' | 'tag' | '"' | "'";

function renderPart(part: Part, context: PartContext): string {
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') {
    if (context === 'tag') throw new Error(`text between the attributes of a tag, or without quotes: ${part}`);
    return escapeMarkup(cleanLines(part));
  }
  if (!(part instanceof Markup)) return part.map((element) => renderPart(element, context)).join('');
  const text = part.toString();
  // In an attribute, markup is shown as text, and its quotes must not end the attribute. Escaped
  // text contains neither tags nor quotes.
  return context === '"' || context === "'" ? text.replace(/[<>"']/g, escapeMarkup) : text;
}

interface Template {
  readonly texts: readonly string[];
  readonly contexts: readonly PartContext[];
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
  const contexts: PartContext[] = [];
  let context: PartContext = 'text';
  for (const text of texts) {
    context = findContextAfter(text, context);
    contexts.push(context);
  }
  const template = { texts, contexts };
  templates.set(strings, template);
  return template;
}

function findContextAfter(text: string, initialContext: PartContext): PartContext {
  let context = initialContext;
  for (const character of text) {
    if (context === 'text') context = character === '<' ? 'tag' : 'text';
    else if (context !== 'tag') context = character === context ? 'tag' : context;
    else if (character === '>') context = 'text';
    else if (character === '"' || character === "'") context = character;
  }
  return context;
}
