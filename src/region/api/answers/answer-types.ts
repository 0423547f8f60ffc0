// The types of the objects in the answers of the API, read from their tables: what writes an object
// is checked by the compiler against what the description says of it.

import type { KINDS } from './answer-objects.ts';
import type { NODE_OBJECTS } from './node-objects.ts';
import type { OLD_OBJECTS, SITE_OBJECTS } from './site-objects.ts';

type Tables = typeof NODE_OBJECTS & typeof SITE_OBJECTS;

interface Primitives {
  readonly string: string;
  readonly integer: number;
  readonly number: number;
  readonly boolean: boolean;
  readonly null: null;
  readonly map: object;
  readonly any: unknown;
}

type ValueOf<Type extends string> = Type extends `${infer One}|${infer Others}`
  ? ValueOf<One> | ValueOf<Others>
  : Type extends `${infer Item}[]`
    ? readonly ValueOf<Item>[]
    : Type extends keyof Primitives
      ? Primitives[Type]
      : Type extends keyof typeof KINDS
        ? ValueOf<(typeof KINDS)[Type]>
        : Type extends keyof Tables
          ? AnswerOf<Type>
          : never;

type Words<Text extends string> = Text extends `${infer Word} ${infer Rest}`
  ? Words<Word> | Words<Rest>
  : Text extends ''
    ? never
    : Text;
type Names<Text> = Text extends `${infer Line}\n${infer Rest}`
  ? Words<Line> | Names<Rest>
  : Text extends string
    ? Words<Text>
    : never;
type OptionalNames<Name> = Name extends `${infer Optional}?` ? Optional : never;

type PropertiesOf<Table> = {
  readonly [Type in keyof Table & string as Exclude<Names<Table[Type]>, `${string}?`>]: ValueOf<Type>;
} & {
  readonly [Type in keyof Table & string as OptionalNames<Names<Table[Type]>>]?: ValueOf<Type> | undefined;
};

/** An object of the tables, as JSON. */
export type AnswerOf<Name extends keyof Tables> = PropertiesOf<Tables[Name]>;

/** The same of API 1.0, where it differs. */
export type OldAnswerOf<Name extends keyof typeof OLD_OBJECTS> = PropertiesOf<(typeof OLD_OBJECTS)[Name]>;
