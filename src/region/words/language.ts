// The language in use.

import type { DoubtWords, EventWords, RemarkWords } from './en/table.ts';
import { EN } from './en.ts';

/** All texts of the region in one language. */
interface Language {
  readonly events: EventWords;
  readonly remarks: RemarkWords;
  readonly doubts: DoubtWords;
  readonly page: typeof EN.page;
  readonly texts: typeof EN.texts;
  readonly shown: typeof EN.shown;
}

export const LANGUAGE: Language = EN;
