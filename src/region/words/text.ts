// Texts that are shown and refuse nothing, made where a page or an answer is written, and how sentences are shown.

import { EN } from './en.ts';

/** The texts of the page, by page. */
export const words: typeof EN.page = EN.page;

/** What the page shows, and others too. */
export const texts: typeof EN.texts = EN.texts;

/** The text with a capital first letter, unless it begins with a key, a file or an address. */
export const asSentence: typeof EN.shown.asSentence = EN.shown.asSentence;

/** The text without a power controller's raw answer. */
export const plainWords: typeof EN.shown.plainWords = EN.shown.plainWords;
