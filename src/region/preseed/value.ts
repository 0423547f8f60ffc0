// The values of a template: data of machines and people, and text whose quoting is settled.
//
// 1. A text of data is never trusted: it is quoted, or it is plain enough to stand as it is, or it is refused.
// 2. Markup is trusted in its own language only: what the template's author wrote, what was quoted, what our own code made.

/** What a text can stand in as it is; `any`: the template's author wrote it there. */
export type MarkupLanguage = 'any' | 'debconf' | 'shell' | 'yaml' | 'kernel' | 'word';

/** Text that needs no more quoting in its language. */
export class Markup {
  readonly text: string;
  readonly language: MarkupLanguage;
  constructor(text: string, language: MarkupLanguage) {
    this.text = text;
    this.language = language;
  }
}

/** What a variable can hold. */
export type Value = null | boolean | number | string | Markup | readonly Value[] | { readonly [key: string]: Value };

/** Names with their values; an own property each. */
export type Variables = Readonly<Record<string, Value>>;

export const isList = (value: Value): value is readonly Value[] => Array.isArray(value);

/** True for a value with named parts. */
export const isMapping = (value: Value): value is { readonly [key: string]: Value } =>
  typeof value === 'object' && value !== null && !isList(value) && !(value instanceof Markup);

/** The text of a single value; undefined: it is a list or has parts. */
export function textOf(value: Value): string | undefined {
  if (value === null) return '';
  if (value instanceof Markup) return value.text;
  return typeof value === 'object' ? undefined : String(value);
}

/** What `if` takes for true: as in Python, nothing empty, nor zero. */
export function isTrue(value: Value): boolean {
  if (value instanceof Markup) return value.text !== '';
  if (isList(value)) return value.length > 0;
  return isMapping(value) ? Object.keys(value).length > 0 : Boolean(value);
}

/** What a value is, for a message. */
export function kindOf(value: Value): string {
  if (isList(value)) return 'a list';
  if (isMapping(value)) return `a value with parts (${Object.keys(value).sort().join(', ')})`;
  return value === null
    ? 'nothing'
    : typeof value === 'string' || value instanceof Markup
      ? 'a text'
      : `a ${typeof value}`;
}
