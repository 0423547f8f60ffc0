// Refusals as values: a name (counted, and sent in a header), the code of a sentence, and its parameters.
//
//   room ─ refusal(code, params) ─► value ─► API's JSON, page, log ─ sentenceOf(value) ─► text
//
// 1. The code begins with the name: `setting-read-only.file`. A fault of one parameter has a code that begins with `field` and the
//    name `invalid-parameters`; the caller of `refuseField` passes the parameter's name.
// 2. Parameters are plain JSON, and their types follow from the code: a missing or extra one does not compile.

import type { z } from 'zod';
import { faultOf } from '../records/schema-fault.ts';
import type { RefusalName } from './en/reasons.ts';
import { LANGUAGE, type PlainCode, type RefusalCode, type RefusalParams } from './language.ts';

export type { SshKeyFault } from './en/accounts.ts';
export type { Kept } from './en/life.ts';
export type { KeysFault } from './en/published-keys.ts';
export type { Pin } from './en/settings.ts';
export type { PlainCode, RefusalCode, RefusalParams } from './language.ts';
export type { RefusalName };

/** The name of the refusal with this code. */
type NameOf<C extends RefusalCode> = C extends `field.${string}`
  ? 'invalid-parameters'
  : C extends `${infer N extends RefusalName}.${string}`
    ? N
    : C & RefusalName;

/** A refusal. It becomes a sentence where it leaves the region. */
export type RefusalWord<C extends RefusalCode = RefusalCode> = {
  readonly [K in C]: {
    readonly name: NameOf<K>;
    readonly code: K;
    readonly params: RefusalParams[K];
    /** The path of the fault within the parameter, such as `nics.0.mac`; `undefined`: the whole parameter. */
    readonly path?: string | undefined;
  };
}[C];

/** The refusals of these names. */
export type RefusalNamed<N extends RefusalName> = RefusalWord<
  { [C in RefusalCode]: NameOf<C> extends N ? C : never }[RefusalCode]
>;

const isNameOf = <C extends RefusalCode>(name: string, code: C): name is NameOf<C> =>
  Object.hasOwn(LANGUAGE.reasons, name) && (code.startsWith('field.') || code === name || code.startsWith(`${name}.`));

/** The name of a refusal by its code. */
export function nameOf<C extends RefusalCode>(code: C): NameOf<C> {
  const root = code.split('.', 1)[0] ?? code;
  const name = root === 'field' ? 'invalid-parameters' : root;
  if (!isNameOf(name, code)) throw new Error(`no refusal is called ${name}`);
  return name;
}

/** Makes a refusal. */
export function refusal<C extends PlainCode>(code: C): RefusalWord<C>;
export function refusal<C extends RefusalCode>(code: C, params: RefusalParams[C]): RefusalWord<C>;
export function refusal<C extends RefusalCode>(code: C, params: unknown = {}): unknown {
  return { name: nameOf(code), code, params };
}

const isFieldCode = (text: string): text is PlainCode & `field.${string}` =>
  text.startsWith('field.') &&
  Object.hasOwn(LANGUAGE.refusals, text) &&
  typeof Reflect.get(LANGUAGE.refusals, text) === 'string';

/** The refusal for a schema issue. Our schemas set a code without parameters as its message; zod's own messages are not used. */
export const wordOfIssue = (issue: z.core.$ZodIssue): RefusalNamed<'invalid-parameters'> =>
  isFieldCode(issue.message) ? refusal(issue.message) : refusal('field.schema', { fault: faultOf(issue) });

/** Like `wordOfIssue` for a value with parts: with the path of the fault. */
export const wordOfPart = (issue: z.core.$ZodIssue): RefusalNamed<'invalid-parameters'> => ({
  ...wordOfIssue(issue),
  path: issue.path.map(String).join('.'),
});

/** The sentence of a refusal. */
export function sentenceOf<C extends RefusalCode>({
  code,
  params,
  path,
}: {
  readonly code: C;
  readonly params: RefusalParams[C];
  readonly path?: string | undefined;
}): string {
  const written: (typeof LANGUAGE.refusals)[C] = LANGUAGE.refusals[code];
  const sentence = typeof written === 'string' ? written : written(params);
  return path === undefined ? sentence : `${path}: ${sentence}`;
}
