// A mistake in a preseed template. No parameter contains a template's value, which may be a secret.

import { counted } from '../../ground/counted.ts';
import { type Coded, type WrittenParams, write } from '../../ground/event.ts';

export type ValueKind = {
  readonly kind: 'list' | 'parts' | 'nothing' | 'text' | 'number' | 'boolean';
  /** The names of its parts. */
  readonly parts?: readonly string[] | undefined;
};

/** An exceeded bound. */
type Max = { max: number };
type Named = { name: string };
/** A name that does not exist, and the names that do. */
type Unknown = Named & { known: readonly string[] };
type OfKind = { value: ValueKind };
type Word = { word: string };

export type NotWritableParams = WrittenParams<typeof NOT_WRITABLE>;
/** Why a value cannot be written. */
export type NotWritable = Coded<NotWritableParams>;

export type MistakeParams = WrittenParams<typeof MISTAKES>;
export type MistakeCode = keyof MistakeParams;
/** The file cannot be read. */
export type FileMistake = Extract<MistakeCode, `file-${string}`>;

export type Mistake<Code extends MistakeCode = MistakeCode> = Coded<MistakeParams, Code>;

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

const NOT_WRITABLE = {
  control: () => 'it holds a line break or another control character',
  'control-debconf': () => 'it holds a line break or another control character, which debconf does not allow',
  incomplete: () => 'it holds an incomplete character',
  'incomplete-debconf': () => 'it holds an incomplete character, which debconf does not allow',
  blank: () => 'it begins or ends with a blank, which debconf removes',
  'back-slash': () => 'it holds a back-slash, which debconf does not keep',
  zero: () => 'it holds a zero byte, which no shell allows',
  long: ({ max }: Max) => `it is longer than ${max} characters`,
  deep: ({ max }: Max) => `it is nested deeper than ${max} levels`,
  'key-long': ({ max }: Max) => `a name in it is longer than ${max} characters`,
  'kernel-character': () => 'it holds a character that is not allowed on a kernel line',
  /** The first character that a shell or sed would interpret. */
  'kernel-sign': ({ sign }: { sign: string }) =>
    `it holds ${sign}, which would not reach the installed system's boot loader`,
  'not-text': ({ value }: OfKind) => `${kindText(value)} cannot be written directly; use {{for}}`,
  'words-only': () => `in this place ${WORDS_ONLY}`,
  'words-only-in-quotes': ({ filter }: { filter: 'shell' | 'yaml' }) =>
    `inside quotes ${WORDS_ONLY}: remove the quotes and write {{…|${filter}}}`,
  'shell-acts': () => 'a shell would interpret it: write {{…|shell}}',
  'yaml-part': () => 'a quoted value must be the whole value: join the texts first, as in {{"a" + b|yaml}}',
  'yaml-else': () => 'YAML would read it as something else: write {{…|yaml}}',
};

const notWritable = (why: NotWritable): string => write<NotWritableParams, NotWritable['code']>(NOT_WRITABLE, why);

/** The part that an expression needs at a position, in words. */
const EXPECTED = {
  end: 'nothing more',
  in: '`in` after `not`',
  else: '`else` after `if`',
  ']': ']',
  '}': '}',
  ')': ')',
  value: 'a name, a text in quotes or a number',
  name: 'a name',
};

const MISTAKES = {
  /** @param said the system's error text */
  'file-unreadable': ({ said }: { said: string }) => `it cannot be read: ${said}`,
  'file-irregular': () => 'it is not a regular file',
  /** @param max in bytes */
  'file-long': ({ max }: Max) => `it is longer than ${max} bytes`,
  'file-not-utf8': () => 'it is not UTF-8',
  'no-template': ({ purpose, names }: { purpose: string; names: readonly string[] }) =>
    `there is no template for ${purpose}; names tried: ${names.join(', ')}`,
  /** @param error the parser's code */
  'not-yaml': ({ error, line }: { error: string; line: number }) =>
    `the rendered text is not YAML: ${error} in its line ${line}`,

  'template-long': ({ max }: Max) => `the template is longer than ${max} characters`,
  'directive-open': () => 'a directive begins here with {{ but has no }}',
  'directive-unopened': ({ word }: Word) => `{{${word}}} ends nothing: it has no opening directive`,
  'directives-nested': ({ max }: Max) => `more than ${max} directives are nested inside each other`,
  'directive-unknown': ({ word }: Word) => `{{${word}}} is not supported`,
  /** @param text the code */
  'py-code': ({ text }: { text: string }) =>
    `${text} is not supported: templates cannot run programs; write {{py: NAME = EXPRESSION}} with an expression such as http_proxy or "http://a/"`,
  /** @param found undefined: the end of the template */
  'directive-unended': ({
    found,
    wanted,
    begun,
    line,
  }: {
    found: string | undefined;
    wanted: string;
    begun: string;
    line: number;
  }) =>
    `${found === undefined ? 'the template ends' : `{{${found}}} comes`} before the {{${wanted}}} of the {{${begun}}} in line ${line}`,
  'inherits-already': ({ name }: Named) => `this template already inherits from ${name}`,
  'default-form': () => 'expected {{default name = value}}',
  'language-unknown': ({ name, known }: Unknown) => `${name} is not a language; the languages are: ${known.join(', ')}`,
  'for-form': () => 'expected {{for name in list}}',
  'def-form': () => 'expected {{def name}}: a block has a name and no arguments',
  'def-nested': ({ name }: Named) => `the block ${name} must not be inside another directive`,
  'def-twice': ({ name }: Named) => `the block ${name} already exists`,
  'name-form': ({ word }: Word) => `expected {{${word} "name"}}`,

  'not-an-expression': ({ text }: { text: string }) => `${text} is not a valid expression`,
  'expression-long': ({ max }: Max) => `the expression has more than ${counted(max, 'word')}`,
  'expression-deep': ({ max }: Max) => `more than ${max} nested brackets`,
  'not-callable': () => 'only filters and a few methods of texts can be called',
  /** @param found undefined: the end of the expression */
  unexpected: ({ expected, found }: { expected: keyof typeof EXPECTED; found: string | undefined }) =>
    `expected ${EXPECTED[expected]}, found ${found ?? 'the end'}`,

  'self-alone': () => 'write a block as {{self.NAME}}, without a filter',
  'not-defined': ({ name, known }: Unknown) => `${name} is not defined here; defined are: ${known.join(', ')}`,
  'no-parts': ({ name, value }: Named & OfKind) => `.${name}: ${kindText(value)} has no parts`,
  'no-part': ({ name, known }: Unknown) => `.${name} is not defined here; the parts are: ${known.join(', ')}`,
  /** @param key undefined: the key is not a text, and `value` is its kind */
  'no-item': ({ key, value, items }: OfKind & { key: string | undefined; items: number }) =>
    `[${key ?? (value === undefined ? '' : kindText(value))}] is not in this list of ${items}`,
  'nothing-in': ({ value }: OfKind) => `${kindText(value)} cannot contain the value before \`in\``,
  'not-joinable': ({ left, right }: { left: ValueKind; right: ValueKind }) =>
    `${kindText(left)} and ${kindText(right)} cannot be joined: only texts can be`,
  'text-long': ({ max }: Max) => `the text is longer than ${max} characters`,
  'filter-unknown': ({ name, known }: Unknown) => `there is no filter ${name}; the filters are: ${known.join(', ')}`,
  'method-unknown': ({ name, known }: Unknown) =>
    `${name}() cannot be called; the methods are: ${known.join(', ')}; for anything else, write the text itself`,
  'method-value': ({ name, value }: Named & OfKind) =>
    `${name}() cannot be called with these values, or on ${kindText(value)}`,
  'filter-arguments': ({ name }: Named) => `${name} takes ${name === 'join' ? 'a list and a text' : 'one value'}`,
  'filter-refuses': ({ name, why }: Named & { why: NotWritable }) => `|${name}: ${notWritable(why)}`,
  'filter-text': ({ name, value }: Named & OfKind) =>
    `|${name} takes a text, not ${kindText(value)}; use {{for}} or |join`,
  'join-list': ({ value }: OfKind) => `join takes a list, not ${kindText(value)}`,
  'join-item': ({ value }: OfKind) => `join: there is ${kindText(value)} in the list`,

  'lineage-long': ({ max }: Max) => `more than ${max} templates inherit from each other`,
  'parent-missing': ({ name }: Named) => `there is no template ${JSON.stringify(name)} to inherit from`,
  'no-block': ({ name, known }: Unknown) => `there is no block ${name}; there are: ${known.join(', ') || 'none'}`,
  'steps-many': ({ max }: Max) => `the template takes more than ${max} steps: is there a loop within a loop?`,
  'included-missing': ({ name }: Named) => `there is no template ${JSON.stringify(name)} to include`,
  'included-inherits': ({ name }: Named) => `${name} inherits from another template, so it cannot be included`,
  'inclusions-deep': ({ max }: Max) => `more than ${max} templates or blocks are nested inside each other`,
  'for-list': ({ value }: OfKind) => `{{for}} needs a list, not ${kindText(value)}`,
  'for-names': ({ names, value, values }: OfKind & { names: number; values: number }) =>
    `{{for}} names ${counted(names, 'value')}, but ${kindText(value)} has ${values}`,
  'value-refused': ({ name, why }: Named & { why: NotWritable }) =>
    `the value of {{${name}}} cannot be used here: ${notWritable(why)}`,
  'output-long': ({ max }: Max) => `the rendered text is longer than ${max} characters`,
  'work-long': ({ max }: Max) => `the template produces more than ${max} characters of text`,
};

export const mistakeText = (mistake: Mistake): string => write<MistakeParams, MistakeCode>(MISTAKES, mistake);

export const mistakeAtText = ({ file, line, mistake }: MistakeAt): string => `${file}:${line}: ${mistakeText(mistake)}`;
