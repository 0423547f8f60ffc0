// Texts that are shown but refuse nothing: made at once, where a page or an answer is written.

import { EN } from './en.ts';

type English = typeof EN.texts;
/** Every such text. */
export type TextCode = keyof English;

/** The text with this code. */
export const textOf = <C extends TextCode>(code: C, params: Parameters<English[C]>[0]): string =>
  EN.texts[code](params);
