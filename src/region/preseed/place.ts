// Where in the text that is being written the next value stands: it decides how the value must be quoted.
//
// Sources: debconf-set-selections(1) and the script of that name in Debian's installer (lines that end in a back-slash go on in the
// next). The quotes of shells and of YAML are followed in `shell-follower.ts` and `yaml-follower.ts`.
//
//   debconf   owner question type VALUE        a value, a shell command (…_command, …/run) or kernel arguments
//   shell     code, comment, here-document
//   yaml      plain, inside quotes, comment
//
// 1. It reads each character once, so that rendering takes time in proportion to its output.
// 2. Where it can be mistaken (odd nestings of quotes), it errs by saying that a text is quoted: then more is refused, not less.

import { ShellFollower } from './shell-follower.ts';
import { YamlFollower } from './yaml-follower.ts';

/** What a template is written in. */
export const LANGUAGES = ['debconf', 'shell', 'yaml', 'text'] as const;
export type Language = (typeof LANGUAGES)[number];

export const isLanguage = (text: string): text is Language => LANGUAGES.some((language) => language === text);

/** Where a value stands; `quote` is the quotation mark that is open, or empty. */
export type Place =
  | {
      readonly kind:
        | 'comment'
        | 'shell-comment'
        | 'debconf-name'
        | 'debconf-value'
        | 'kernel'
        | 'here-document'
        | 'text';
    }
  | { readonly kind: 'shell'; readonly quote: string }
  /** `isStart`: a value begins here. */
  | { readonly kind: 'yaml'; readonly quote: string; readonly isStart: boolean };

/** Characters at the start of a debconf line that are kept, to tell its question. */
const HEAD_MAX = 1024;
const DEBCONF_HEAD = /^\s*\S+\s+(\S+)\s+(\S+)\s/;
const COMMAND_QUESTION = /(_command|\/run)$/;
const KERNEL_QUESTION = /kernel-opts$/;

/** Follows a text as it is written. */
export class PlaceFollower {
  readonly #language: Language;
  #shell = new ShellFollower();
  #yaml = new YamlFollower();
  #head = '';
  /** What the debconf line is about, once its first three words were written. */
  #kind: 'debconf-name' | 'debconf-value' | 'kernel' | 'command' | 'comment' = 'debconf-name';
  #last = '';

  constructor(language: Language) {
    this.#language = language;
  }

  /** Goes on by what was written. */
  follow(text: string): void {
    for (const character of text) {
      if (this.#language === 'shell') this.#shell.next(character);
      else if (this.#language === 'yaml') this.#yaml.next(character);
      else if (this.#language === 'debconf') this.#nextOfDebconf(character);
    }
  }

  /** Where the next character would stand. */
  place(): Place {
    if (this.#language === 'text') return { kind: 'text' };
    if (this.#language === 'yaml') return this.#yaml.place();
    // A back-slash that is held back stands before what comes next.
    if (this.#kind === 'command' && this.#last !== '') return { kind: 'shell', quote: this.#last };
    if (this.#language === 'shell' || this.#kind === 'command') return this.#shell.place();
    return { kind: this.#kind };
  }

  #nextOfDebconf(character: string): void {
    if (character === '\n') {
      // A comment goes on after a back-slash for one reader and ends for the other: it is taken for ended here.
      if (this.#last !== '\\' || this.#kind === 'comment') this.#newDebconfLine();
      // The back-slash and what follows it become a blank, or nothing.
      else this.#shell.next(' ');
      this.#last = '';
      return;
    }
    if (this.#last !== '') this.#readDebconf(this.#last);
    this.#last = '';
    // A back-slash is held back: at the end of a line it is no part of the value.
    if (character === '\\') this.#last = character;
    else this.#readDebconf(character);
  }

  #newDebconfLine(): void {
    this.#head = '';
    this.#kind = 'debconf-name';
    this.#shell = new ShellFollower();
  }

  #readDebconf(character: string): void {
    if (this.#kind === 'command') this.#shell.next(character);
    if (this.#kind !== 'debconf-name' || this.#head.length >= HEAD_MAX) return;
    this.#head += character;
    if (character === '#' && this.#head.trim() === '#') this.#kind = 'comment';
    // Only where a word ends can the question have become known.
    if (!/\S\s$/.test(this.#head.slice(-2))) return;
    const question = DEBCONF_HEAD.exec(this.#head)?.[1];
    if (question === undefined) return;
    const isCommand = COMMAND_QUESTION.test(question);
    this.#kind = isCommand ? 'command' : KERNEL_QUESTION.test(question) ? 'kernel' : 'debconf-value';
  }
}
