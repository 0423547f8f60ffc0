// The languages of the page, and which of them a browser gets.
//
// Sources: RFC 9110 §12.5.4 (Accept-Language); RFC 4647 §3.4 (look-up); BCP 47 for the tags.

import { join } from 'node:path';
import { readInstalled } from '../../../files/browser-file.ts';
import { findWish } from './login.ts';
import { sentences } from './template.ts';
import { completed, type Translation, type Words } from './words.ts';
import { JAPANESE } from './words-ja.ts';
import { TRADITIONAL_CHINESE } from './words-zh-hant.ts';

const TEXTS = join(import.meta.dirname, 'lang');

interface Language {
  /** Lower-case tags; a longer tag that begins with one of them is this language, too. */
  readonly tags: readonly [string, ...string[]];
  /** Its own name. */
  readonly name: string;
  readonly words: Words;
}

/** Its texts are read when it is first wanted. @param computed the words that are no texts */
function translation(tag: string, name: string, file: string, computed: Translation): Language {
  let own: Words | undefined;
  return {
    tags: [tag],
    name,
    get words() {
      if (own !== undefined) return own;
      const { happenings, ...texts } = JSON.parse(readInstalled(join(TEXTS, file)));
      own = completed({ ...computed, happenings: { ...sentences(happenings), ...computed.happenings } }, texts);
      return own;
    },
  };
}

/** The first is used when a browser wants none of them. */
export const LANGUAGES: readonly [Language, ...Language[]] = [
  { tags: ['en'], name: 'English', words: completed({}) },
  translation('ja', '日本語', 'ja.json', JAPANESE),
  // Who reads Simplified Chinese reads this rather than English.
  translation('zh', '繁體中文', 'zh-Hant.json', TRADITIONAL_CHINESE),
];

/** What a browser remembers of a chosen language, in the cookie `rackboot-language=en`. */
export const LANGUAGE_WISH = 'language';

/** Ranges of a field that are examined; others are ignored. */
const RANGES_MAX = 20;

/** The ranges of an Accept-Language field, the preferred ones first, without those of quality 0. */
function parseLanguageRanges(accepted: string): readonly string[] {
  return accepted
    .split(',', RANGES_MAX)
    .map((part) => {
      const [range = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
      const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
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
  for (const range of [...(chosen === undefined ? [] : [chosen]), ...parseLanguageRanges(accepted)]) {
    const language = findLanguage(range, languages);
    if (language !== undefined) return language.words;
  }
  return languages[0].words;
}
