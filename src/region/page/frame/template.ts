// Texts with places for values: `{machine} is deployed`. English ones are functions of these
// values, in the order in which their names first appear; a translation names the same, in any
// order.

type Names<
  Text extends string,
  Found extends readonly string[] = [],
> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Names<Rest, Name extends Found[number] ? Found : [...Found, Name]>
  : Found;

type Value = string | number;
type Values<Found extends readonly string[]> = { readonly [Index in keyof Found]: Value };

const NAME = /\{(\w+)\}/g;

export const listPlaceholders = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(NAME)].map(([, name = '']) => name)),
];

const fill = (text: string, names: readonly string[], values: readonly unknown[]): string =>
  text.replace(NAME, (place, name: string) => {
    const index = names.indexOf(name);
    return index === -1 ? place : String(values[index]);
  });

const NAMES = new WeakMap<object, readonly string[]>();

const isFunction = (word: unknown): word is (...values: never[]) => unknown => typeof word === 'function';

/** The names of a function's values; of one that computes its text `0`, `1` …. */
export const valueNames = (word: (...values: never[]) => unknown): readonly string[] =>
  NAMES.get(word) ?? Array.from({ length: word.length }, (_, index) => String(index));

/** The function that puts values into a text. */
export function fillTemplate<const Text extends string>(template: Text): (...values: Values<Names<Text>>) => string {
  const names = listPlaceholders(template);
  const word = (...values: readonly Value[]): string => fill(template, names, values);
  NAMES.set(word, names);
  return word;
}

/** A value of an event: lists with commas, machines by their names. */
function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueText).join(', ');
  return typeof value === 'object' && value !== null && 'hostname' in value && 'systemId' in value
    ? `${value.hostname} (${value.systemId})`
    : String(value);
}

/** The sentences of events, by code: each puts the parameters into its text. */
export const sentences = (
  texts: Readonly<Record<string, string>>,
): Readonly<Record<string, (params: object) => string>> =>
  Object.fromEntries(
    Object.entries(texts).map(([code, template]) => [
      code,
      (params) => template.replace(NAME, (_place, name: string) => valueText(Reflect.get(params, name))),
    ]),
  );

/** A translated text of the same kind as the English word: a text, or a function of the same values. */
export function translated(template: unknown, english: unknown): unknown {
  if (typeof template !== 'string' || !isFunction(english)) return template;
  const names = valueNames(english);
  return (...values: readonly unknown[]) => fill(template, names, values);
}
