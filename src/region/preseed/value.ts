// The values of templates: data from machines and people, and text that is already quoted.
//
// 1. Data is never trusted: it is quoted, plain enough to be written unquoted, or refused.
// 2. Markup is trusted in its own language only. It is the author's literal text, quoted text, or
//    output of our own code.

/** The language in which a text is safe; `any` for literal text of the template's author. */
export type MarkupLanguage = 'any' | 'debconf' | 'shell' | 'yaml' | 'kernel' | 'word';

/** Text that needs no further quoting in its language. */
export class Markup {
  readonly text: string;
  readonly language: MarkupLanguage;
  constructor(text: string, language: MarkupLanguage) {
    this.text = text;
    this.language = language;
  }
}

export type Value = null | boolean | number | string | Markup | readonly Value[] | { readonly [key: string]: Value };

export type Variables = Readonly<Record<string, Value>>;

export const isList = (value: Value): value is readonly Value[] => Array.isArray(value);

export const isMapping = (value: Value): value is { readonly [key: string]: Value } =>
  typeof value === 'object' && value !== null && !isList(value) && !(value instanceof Markup);

/** The text of a single value; `undefined` for a list or mapping. */
export function formatScalar(value: Value): string | undefined {
  if (value === null) return '';
  if (value instanceof Markup) return value.text;
  return typeof value === 'object' ? undefined : String(value);
}

/** The truth value for `if`: as in Python, empty values and zero are false. */
export function isTruthy(value: Value): boolean {
  if (value instanceof Markup) return value.text !== '';
  if (isList(value)) return value.length > 0;
  return isMapping(value) ? Object.keys(value).length > 0 : Boolean(value);
}
