// The languages of the page, and which of them a browser gets.
//
// Sources: RFC 9110 §12.5.4 (Accept-Language); RFC 4647 §3.4 (look-up); BCP 47 for the tags.

import { findWish } from './login.ts';
import { completed, type Words } from './words.ts';
import { JAPANESE } from './words-ja.ts';
import { TRADITIONAL_CHINESE } from './words-zh-hant.ts';

interface Language {
  /** Lower-case tags; a longer tag that begins with one of them is this language, too. */
  readonly tags: readonly [string, ...string[]];
  /** Its own name. */
  readonly name: string;
  readonly words: Words;
}

/** The first is used when a browser wants none of them. Each is a `Translation`, completed once. */
export const LANGUAGES: readonly [Language, ...Language[]] = [
  { tags: ['en'], name: 'English', words: completed({}) },
  { tags: ['ja'], name: '日本語', words: completed(JAPANESE) },
  // Who reads Simplified Chinese reads this rather than English.
  { tags: ['zh'], name: '繁體中文', words: completed(TRADITIONAL_CHINESE) },
];

/** What a browser remembers of a chosen language, in the cookie `rackboot-language=en`. */
export const LANGUAGE_WISH = 'language';

/** Ranges of a field that are examined; others are ignored. */
const RANGES_MAX = 20;

/** The ranges of an Accept-Language field, the preferred ones first, without those of quality 0. */
function rangesOf(accepted: string): readonly string[] {
  return accepted
    .split(',', RANGES_MAX)
    .map((part) => {
      const [range = '', ...parameters] = part.split(';').map((one) => one.trim().toLowerCase());
      const quality = parameters.find((one) => one.startsWith('q='))?.slice(2) ?? '1';
      return { range, quality: Number(quality) };
    })
    .filter(({ quality }) => quality > 0)
    .toSorted((a, b) => b.quality - a.quality)
    .map(({ range }) => range);
}

/** The language of a tag, such as `EN-gb`. */
export const findLanguage = (tag: string, languages = LANGUAGES): Language | undefined =>
  languages.find(({ tags }) =>
    tags.some((own) => tag.toLowerCase() === own || tag.toLowerCase().startsWith(`${own}-`)),
  );

/** The words for a browser: in the language that it chose, or else the best one that it accepts. */
export function wordsFor(
  { cookie = '', accepted = '' }: { readonly cookie?: string | undefined; readonly accepted?: string | undefined },
  languages = LANGUAGES,
): Words {
  const chosen = findWish(cookie, LANGUAGE_WISH);
  for (const range of [...(chosen === undefined ? [] : [chosen]), ...rangesOf(accepted)]) {
    const found = findLanguage(range, languages);
    if (found !== undefined) return found.words;
  }
  return languages[0].words;
}
