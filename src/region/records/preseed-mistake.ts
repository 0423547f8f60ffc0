// A mistake in a preseed template: a code and its parameters, from which a sentence is made. No parameter contains a template's value,
// because that may be a secret.

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
