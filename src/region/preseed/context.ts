// Follows the written text to find the context of the next value, which decides how the value must be quoted.
//
// Sources: debconf-set-selections(1) and the script of that name in Debian's installer (a line that
// ends in a back-slash continues on the next). `shell-follower.ts` and `yaml-follower.ts` follow
// the quotes of shells and YAML.
//
//   debconf   owner question type VALUE        a value, a shell command (…_command, …/run) or kernel arguments
//   shell     code, comment, here-document
//   yaml      plain, inside quotes, comment
//
// 1. It reads each character once, so rendering time is proportional to the output.
// 2. Where it may be wrong (odd nestings of quotes), it reports the text as quoted: then more is
//    refused, never less.

import { ShellFollower } from './shell-follower.ts';
import { YamlFollower } from './yaml-follower.ts';

export const LANGUAGES = ['debconf', 'shell', 'yaml', 'text'] as const;
export type Language = (typeof LANGUAGES)[number];

export const isLanguage = (text: string): text is Language => LANGUAGES.some((language) => language === text);

/** The context of a value; `quote` is the open quotation mark, or empty. */
export type WritingContext =
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

/** Characters kept from the start of a debconf line, to recognise its question. */
const HEAD_MAX = 1024;
const DEBCONF_HEAD = /^\s*\S+\s+(\S+)\s+(\S+)\s/;
const COMMAND_QUESTION = /(_command|\/run)$/;
const KERNEL_QUESTION = /kernel-opts$/;

export class ContextFollower {
  readonly #language: Language;
  #shell = new ShellFollower();
  #yaml = new YamlFollower();
  #head = '';
  /** The kind of the debconf line, once its first three words are written. */
  #kind: 'debconf-name' | 'debconf-value' | 'kernel' | 'command' | 'comment' = 'debconf-name';
  #last = '';

  constructor(language: Language) {
    this.#language = language;
  }

  follow(text: string): void {
    for (const character of text) {
      if (this.#language === 'shell') this.#shell.next(character);
      else if (this.#language === 'yaml') this.#yaml.next(character);
      else if (this.#language === 'debconf') this.#nextOfDebconf(character);
    }
  }

  context(): WritingContext {
    if (this.#language === 'text') return { kind: 'text' };
    if (this.#language === 'yaml') return this.#yaml.context();
    // A held-back back-slash precedes the next character.
    if (this.#kind === 'command' && this.#last !== '') return { kind: 'shell', quote: this.#last };
    if (this.#language === 'shell' || this.#kind === 'command') return this.#shell.context();
    return { kind: this.#kind };
  }

  #nextOfDebconf(character: string): void {
    if (character === '\n') {
      // The two readers differ on whether a back-slash continues a comment; here the comment ends.
      if (this.#last !== '\\' || this.#kind === 'comment') this.#newDebconfLine();
      // The back-slash and the line break become a blank, or nothing.
      else this.#shell.next(' ');
      this.#last = '';
      return;
    }
    if (this.#last !== '') this.#readDebconf(this.#last);
    this.#last = '';
    // Hold a back-slash back: at the end of a line it is not part of the value.
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
    // The question can become known only at the end of a word.
    if (!/\S\s$/.test(this.#head.slice(-2))) return;
    const question = DEBCONF_HEAD.exec(this.#head)?.[1];
    if (question === undefined) return;
    const isCommand = COMMAND_QUESTION.test(question);
    this.#kind = isCommand ? 'command' : KERNEL_QUESTION.test(question) ? 'kernel' : 'debconf-value';
  }
}
