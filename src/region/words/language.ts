// The language in use. Every language has the codes and parameters of English.

import type { RefusalName } from './en/reasons.ts';
import type { DoubtWords, EventWords, RemarkWords } from './en/table.ts';
import { EN } from './en.ts';

/** A plain JSON value. */
type Plain = string | number | boolean | undefined | readonly Plain[] | { readonly [name: string]: Plain };
type NoParams = Readonly<Record<string, never>>;

type English = typeof EN.refusals;
/** The codes of refusals. */
export type RefusalCode = keyof English;
/** The codes whose sentence has no parameters. */
export type PlainCode = { [C in RefusalCode]: English[C] extends string ? C : never }[RefusalCode];

type ParamsOf<W> = W extends (params: infer P extends Plain) => string ? P : NoParams;
/** The parameters of each refusal's sentence. */
export type RefusalParams = { readonly [C in RefusalCode]: ParamsOf<English[C]> };

/** All texts of the region in one language. */
interface Language {
  readonly reasons: Readonly<Record<RefusalName, string>>;
  readonly refusals: { readonly [C in RefusalCode]: string | ((params: RefusalParams[C]) => string) };
  readonly events: EventWords;
  readonly remarks: RemarkWords;
  readonly doubts: DoubtWords;
  readonly page: typeof EN.page;
  readonly texts: typeof EN.texts;
  readonly shown: typeof EN.shown;
}

/** A sentence without parameters is a string in every language; `isFieldCode` in `refusal.ts` relies on that. */
interface PlainTexts {
  readonly refusals: Readonly<Record<PlainCode, string>>;
}

/** The only language so far; choose another one here, in `quantity.ts` and in `rack-reasons.ts`. */
export const LANGUAGE: Language = EN satisfies PlainTexts;
