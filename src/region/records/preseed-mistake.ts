// A mistake in a preseed template: a code and its parameters, from which a sentence is made. No parameter contains a template's value,
// because that may be a secret.

import { counted } from '../../counted.ts';
import type { Writers } from '../../event.ts';

/** The kind of a template's value. */
export type ValueKind = {
  readonly kind: 'list' | 'parts' | 'nothing' | 'text' | 'number' | 'boolean';
  /** The names of its parts. */
  readonly parts?: readonly string[] | undefined;
};

type None = Readonly<Record<string, never>>;
/** A bound that is exceeded. */
type Max = {
  readonly max: number;
};
type Named = {
  readonly name: string;
};
/** A name that does not exist, and the names that do. */
type Unknown = Named & { readonly known: readonly string[] };
type OfKind = {
  readonly value: ValueKind;
};
/** A statement's first word. */
type Word = {
  readonly word: string;
};

/** Why a value cannot be written. */
export interface NotWritableParams {
  control: None;
  'control-debconf': None;
  incomplete: None;
  'incomplete-debconf': None;
  blank: None;
  'back-slash': None;
  zero: None;
  long: Max;
  deep: Max;
  'key-long': Max;
  'kernel-character': None;
  /** The first character that a shell or sed would interpret. */
  'kernel-sign': { readonly sign: string };
  'not-text': OfKind;
  'words-only': None;
  'words-only-in-quotes': { readonly filter: 'shell' | 'yaml' };
  'shell-acts': None;
  'yaml-part': None;
  'yaml-else': None;
}
export type NotWritable = {
  readonly [C in keyof NotWritableParams]: { readonly code: C; readonly params: NotWritableParams[C] };
}[keyof NotWritableParams];

export interface MistakeParams {
  /** @param said the system's error text */
  'file-unreadable': { readonly said: string };
  'file-irregular': None;
  /** @param max in bytes */
  'file-long': Max;
  'file-not-utf8': None;
  'no-template': { readonly purpose: string; readonly names: readonly string[] };
  /** @param error the parser's code */
  'not-yaml': { readonly error: string; readonly line: number };

  'template-long': Max;
  'directive-open': None;
  'directive-unopened': Word;
  'directives-nested': Max;
  'directive-unknown': Word;
  /** @param text the code */
  'py-code': { readonly text: string };
  /** @param found undefined: the end of the template */
  'directive-unended': {
    readonly found: string | undefined;
    readonly wanted: string;
    readonly begun: string;
    readonly line: number;
  };
  'inherits-already': Named;
  'default-form': None;
  'language-unknown': Unknown;
  'for-form': None;
  'def-form': None;
  'def-nested': Named;
  'def-twice': Named;
  'name-form': Word;

  'not-an-expression': { readonly text: string };
  'expression-long': Max;
  'expression-deep': Max;
  'not-callable': None;
  /** @param found undefined: the end of the expression */
  unexpected: {
    readonly expected: 'end' | 'in' | 'else' | ']' | ')' | '}' | 'value' | 'name';
    readonly found: string | undefined;
  };

  'self-alone': None;
  'not-defined': Unknown;
  'no-parts': Named & OfKind;
  'no-part': Unknown;
  /** @param key undefined: the key is not a text, and `value` is its kind */
  'no-item': OfKind & { readonly key: string | undefined; readonly items: number };
  'nothing-in': OfKind;
  'not-joinable': { readonly left: ValueKind; readonly right: ValueKind };
  'text-long': Max;
  'filter-unknown': Unknown;
  'filter-arguments': Named;
  'method-unknown': Unknown;
  'method-value': Named & OfKind;
  'filter-refuses': Named & { readonly why: NotWritable };
  'filter-text': Named & OfKind;
  'join-list': OfKind;
  'join-item': OfKind;

  'lineage-long': Max;
  'parent-missing': Named;
  'no-block': Unknown;
  'steps-many': Max;
  'included-missing': Named;
  'included-inherits': Named;
  'inclusions-deep': Max;
  'for-list': OfKind;
  'for-names': OfKind & { readonly names: number; readonly values: number };
  'value-refused': Named & { readonly why: NotWritable };
  'output-long': Max;
  'work-long': Max;
}
export type MistakeCode = keyof MistakeParams;
/** A mistake because of which no template can be read from a file. */
export type FileMistake = Extract<MistakeCode, `file-${string}`>;

/** A mistake. */
export type Mistake<Code extends MistakeCode = MistakeCode> = {
  readonly [C in Code]: { readonly code: C; readonly params: MistakeParams[C] };
}[Code];

/** A mistake with its position. */
export type MistakeAt = {
  readonly file: string;
  /** From 1; 0: the whole file. */
  readonly line: number;
  readonly mistake: Mistake;
};

const KINDS: Readonly<Record<ValueKind['kind'], string>> = {
  list: 'a list',
  parts: 'a value with parts',
  nothing: 'nothing',
  text: 'a text',
  number: 'a number',
  boolean: 'a boolean',
};

const kindText = ({ kind, parts }: ValueKind): string =>
  parts === undefined ? KINDS[kind] : `${KINDS[kind]} (${parts.join(', ')})`;

const WORDS_ONLY = 'a value may have only letters, digits and _@%+=:,./-';

/** Why a value cannot be written. */
const NOT_WRITABLE: Writers<NotWritableParams> = {
  control: () => 'it holds a line break or another control character',
  'control-debconf': () => 'it holds a line break or another control character, which debconf does not allow',
  incomplete: () => 'it holds an incomplete character',
  'incomplete-debconf': () => 'it holds an incomplete character, which debconf does not allow',
  blank: () => 'it begins or ends with a blank, which debconf removes',
  'back-slash': () => 'it holds a back-slash, which debconf does not keep',
  zero: () => 'it holds a zero byte, which no shell allows',
  long: ({ max }) => `it is longer than ${max} characters`,
  deep: ({ max }) => `it is nested deeper than ${max} levels`,
  'key-long': ({ max }) => `a name in it is longer than ${max} characters`,
  'kernel-character': () => 'it holds a character that is not allowed on a kernel line',
  'kernel-sign': ({ sign }) => `it holds ${sign}, which would not reach the installed system's boot loader`,
  'not-text': ({ value }) => `${kindText(value)} cannot be written directly; use {{for}}`,
  'words-only': () => `in this place ${WORDS_ONLY}`,
  'words-only-in-quotes': ({ filter }) => `inside quotes ${WORDS_ONLY}: remove the quotes and write {{…|${filter}}}`,
  'shell-acts': () => 'a shell would interpret it: write {{…|shell}}',
  'yaml-part': () => 'a quoted value must be the whole value: join the texts first, as in {{"a" + b|yaml}}',
  'yaml-else': () => 'YAML would read it as something else: write {{…|yaml}}',
};

const notWritable = <Code extends keyof NotWritableParams>({
  code,
  params,
}: {
  readonly code: Code;
  readonly params: NotWritableParams[Code];
}): string => NOT_WRITABLE[code](params);

/** The part that an expression needs at a position, in words. */
const EXPECTED: Readonly<Record<MistakeParams['unexpected']['expected'], string>> = {
  end: 'nothing more',
  in: '`in` after `not`',
  else: '`else` after `if`',
  ']': ']',
  '}': '}',
  ')': ')',
  value: 'a name, a text in quotes or a number',
  name: 'a name',
};

const MISTAKES: Writers<MistakeParams> = {
  'file-unreadable': ({ said }) => `it cannot be read: ${said}`,
  'file-irregular': () => 'it is not a regular file',
  'file-long': ({ max }) => `it is longer than ${max} bytes`,
  'file-not-utf8': () => 'it is not UTF-8',
  'no-template': ({ purpose, names }) => `there is no template for ${purpose}; names tried: ${names.join(', ')}`,
  'not-yaml': ({ error, line }) => `the rendered text is not YAML: ${error} in its line ${line}`,

  'template-long': ({ max }) => `the template is longer than ${max} characters`,
  'directive-open': () => 'a directive begins here with {{ but has no }}',
  'directive-unopened': ({ word }) => `{{${word}}} ends nothing: it has no opening directive`,
  'directives-nested': ({ max }) => `more than ${max} directives are nested inside each other`,
  'directive-unknown': ({ word }) => `{{${word}}} is not supported`,
  'py-code': ({ text }) =>
    `${text} is not supported: templates cannot run programs; write {{py: NAME = EXPRESSION}} with an expression such as http_proxy or "http://a/"`,
  'directive-unended': ({ found, wanted, begun, line }) =>
    `${found === undefined ? 'the template ends' : `{{${found}}} comes`} before the {{${wanted}}} of the {{${begun}}} in line ${line}`,
  'inherits-already': ({ name }) => `this template already inherits from ${name}`,
  'default-form': () => 'expected {{default name = value}}',
  'language-unknown': ({ name, known }) => `${name} is not a language; the languages are: ${known.join(', ')}`,
  'for-form': () => 'expected {{for name in list}}',
  'def-form': () => 'expected {{def name}}: a block has a name and no arguments',
  'def-nested': ({ name }) => `the block ${name} must not be inside another directive`,
  'def-twice': ({ name }) => `the block ${name} already exists`,
  'name-form': ({ word }) => `expected {{${word} "name"}}`,

  'not-an-expression': ({ text }) => `${text} is not a valid expression`,
  'expression-long': ({ max }) => `the expression has more than ${counted(max, 'word')}`,
  'expression-deep': ({ max }) => `more than ${max} nested brackets`,
  'not-callable': () => 'only filters and a few methods of texts can be called',
  unexpected: ({ expected, found }) => `expected ${EXPECTED[expected]}, found ${found ?? 'the end'}`,

  'self-alone': () => 'write a block as {{self.NAME}}, without a filter',
  'not-defined': ({ name, known }) => `${name} is not defined here; defined are: ${known.join(', ')}`,
  'no-parts': ({ name, value }) => `.${name}: ${kindText(value)} has no parts`,
  'no-part': ({ name, known }) => `.${name} is not defined here; the parts are: ${known.join(', ')}`,
  'no-item': ({ key, value, items }) =>
    `[${key ?? (value === undefined ? '' : kindText(value))}] is not in this list of ${items}`,
  'nothing-in': ({ value }) => `${kindText(value)} cannot contain the value before \`in\``,
  'not-joinable': ({ left, right }) => `${kindText(left)} and ${kindText(right)} cannot be joined: only texts can be`,
  'text-long': ({ max }) => `the text is longer than ${max} characters`,
  'filter-unknown': ({ name, known }) => `there is no filter ${name}; the filters are: ${known.join(', ')}`,
  'method-unknown': ({ name, known }) =>
    `${name}() cannot be called; the methods are: ${known.join(', ')}; for anything else, write the text itself`,
  'method-value': ({ name, value }) => `${name}() cannot be called with these values, or on ${kindText(value)}`,
  'filter-arguments': ({ name }) => `${name} takes ${name === 'join' ? 'a list and a text' : 'one value'}`,
  'filter-refuses': ({ name, why }) => `|${name}: ${notWritable(why)}`,
  'filter-text': ({ name, value }) => `|${name} takes a text, not ${kindText(value)}; use {{for}} or |join`,
  'join-list': ({ value }) => `join takes a list, not ${kindText(value)}`,
  'join-item': ({ value }) => `join: there is ${kindText(value)} in the list`,

  'lineage-long': ({ max }) => `more than ${max} templates inherit from each other`,
  'parent-missing': ({ name }) => `there is no template ${JSON.stringify(name)} to inherit from`,
  'no-block': ({ name, known }) => `there is no block ${name}; there are: ${known.join(', ') || 'none'}`,
  'steps-many': ({ max }) => `the template takes more than ${max} steps: is there a loop within a loop?`,
  'included-missing': ({ name }) => `there is no template ${JSON.stringify(name)} to include`,
  'included-inherits': ({ name }) => `${name} inherits from another template, so it cannot be included`,
  'inclusions-deep': ({ max }) => `more than ${max} templates or blocks are nested inside each other`,
  'for-list': ({ value }) => `{{for}} needs a list, not ${kindText(value)}`,
  'for-names': ({ names, value, values }) =>
    `{{for}} names ${counted(names, 'value')}, but ${kindText(value)} has ${values}`,
  'value-refused': ({ name, why }) => `the value of {{${name}}} cannot be used here: ${notWritable(why)}`,
  'output-long': ({ max }) => `the rendered text is longer than ${max} characters`,
  'work-long': ({ max }) => `the template produces more than ${max} characters of text`,
};

const isKnown = (code: string): code is Mistake['code'] => Object.hasOwn(MISTAKES, code);

/** The sentence of a mistake; its code if only a later version has a sentence for it. */
export const mistakeText = <Code extends Mistake['code']>({
  code,
  params,
}: {
  readonly code: Code;
  readonly params: MistakeParams[Code];
}): string => (isKnown(code) ? MISTAKES[code](params) : code);

/** The same with its position. */
export const mistakeAtText = ({ file, line, mistake }: MistakeAt): string => `${file}:${line}: ${mistakeText(mistake)}`;
